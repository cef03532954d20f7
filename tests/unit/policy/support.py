"""A small bundle, and short ways to judge by it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from counterseal.core.action import Action, action_id
from counterseal.core.policy.decision import Decision
from counterseal.core.policy.judge import Judge, compile_bundle
from counterseal.core.policy.load import parse_bundle

POLICIES = Path(__file__).parents[3] / "policies"

HEADER = """\
bundle: demo
version: "1"
groups: {treasury: Treasury, leads: Heads, security: Security}
defaults:
  route: {groups: [treasury], timeout: 2h, escalate: [{after: 1h, groups: [leads]}]}
directories:
  payees: {title: Payees, values: [KNOWN-ACME-1]}
counters:
  per_day: {title: A day, class: [payment], by: [agent.id, attr.payee], window: 24h, sum: amount}
classes:
  - id: payment
    title: Payments
    tools: ["pay*"]
    verdict: ALLOW
    risk: high
    sensitive: [/pin, /cards/*/number]
    attributes:
      amount: {type: number, from: [/amount, /value]}
      payee: {type: string, from: [/payee], known_in: [payees]}
      pin: {type: string, from: [/pin]}
      tags: {type: strings, from: [/tags, /more]}
  - id: reading
    title: Reading
    tools: ["read_*"]
    verdict: ALLOW
    risk: low
    reads_untrusted: true
"""

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

Decide = Callable[..., Decision]


def judge_of(rules: str = "", header: str = HEADER) -> Judge:
    """Make a judge of the small bundle and some rules."""
    text = header + ("rules:\n" + rules if rules else "")
    return compile_bundle(parse_bundle({"bundle.yaml": text}))


def action(tool: str = "pay", /, **arguments: object) -> Action:
    """Make an action of the agent `bot`."""
    return Action(
        id=action_id("acme", "bot", "1"),
        tenant="acme",
        agent="bot",
        environment="production",
        tool=tool,
        arguments=arguments,
    )


def rule(name: str, when: str = "true", verdict: str = "STEP_UP", **more: str) -> str:
    """Write one rule; `unless` may be given as a condition."""
    unless = more.pop("unless", None)
    lines = [
        f"  - id: {name}",
        "    title: A rule",
        "    owner: grc",
        f"    verdict: {verdict}",
        "    when:",
        *(
            f'      - {{name: c{number}, cel: "{each}"}}'
            for number, each in enumerate(when.split(" ;; "))
        ),
    ]
    if unless is not None:
        lines.append("    unless:")
        lines += [
            f'      - {{name: u{number}, cel: "{each}"}}'
            for number, each in enumerate(unless.split(" ;; "))
        ]
    lines += [f"    {key}: {value}" for key, value in more.items()]
    return "\n".join(lines) + "\n"
