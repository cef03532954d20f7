"""A policy of about a hundred rules, of which twelve look at refunds: what a grown team has."""

from pathlib import Path

_HEAD = """\
bundle: bench
version: "1"
groups: {treasury: Treasury, support-leads: Heads of support}
defaults: {route: {groups: [treasury], timeout: 4h}}
counters:
  refunds_by_customer:
    title: Refunds to one customer in 30 days
    class: [refund]
    by: [attr.customer]
    window: 30d
    sum: amount
classes:
  - id: refund
    title: Money back to a customer
    tools: ["refund*"]
    verdict: ALLOW
    risk: medium
    attributes:
      amount: {type: number, from: [/amount]}
      customer: {type: string, from: [/customer]}
      order: {type: string, from: [/order_id]}
"""

_OTHER_CLASS = """\
  - id: class-{n}
    title: Something else {n}
    tools: ["tool_{n}_*"]
    verdict: ALLOW
    risk: low
    attributes: {{size{n}: {{type: number, from: [/size]}}}}
"""

_RULES = """\
rules:
  - id: refund.two-people
    title: Two people agree to more than pocket money
    owner: support
    match: {class: [refund]}
    params: {unattended: 50}
    when: [{name: more, cel: attr.amount > params.unattended}]
    verdict: STEP_UP
    route: {groups: [support-leads, treasury], quorum: 2, timeout: 4h}
  - id: refund.often
    title: A customer who is refunded often is looked at
    owner: support
    match: {class: [refund]}
    params: {most: 50}
    when: [{name: often, cel: counters.refunds_by_customer.count >= params.most}]
    verdict: STEP_UP
"""

_REFUND_RULE = """\
  - id: refund.limit-{n}
    title: Limit {n}
    owner: support
    match: {{class: [refund]}}
    params: {{limit: {limit}}}
    when:
      - {{name: more, cel: attr.amount > params.limit}}
      - {{name: tainted, cel: session.tainted || attr.order == ''}}
    verdict: BLOCK
"""

_OTHER_RULE = """\
  - id: other.{n}
    title: Other {n}
    owner: support
    match: {{class: [class-{m}]}}
    when: [{{name: large, cel: attr.size{m} > {n}.0}}]
    verdict: STEP_UP
"""


def write_policy(folder: Path) -> Path:
    """Write the bundle into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    others = range(9)
    text = _HEAD + "".join(_OTHER_CLASS.format(n=n) for n in others) + _RULES
    text += "".join(_REFUND_RULE.format(n=n, limit=1000 + n) for n in range(10))
    text += "".join(_OTHER_RULE.format(n=n, m=n % 9) for n in range(88))
    (folder / "bundle.yaml").write_text(text, "utf-8")
    return folder
