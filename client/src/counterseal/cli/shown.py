"""An action as a person reads it before answering: all of it, and nothing that can hide."""

from collections.abc import Iterator
from datetime import datetime

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from counterseal.cli.inert import compact, pretty
from counterseal.cli.screen import facts, local, plain, relative, verdicts, word
from counterseal.core.action import action_digest
from counterseal.core.canonical import Json
from counterseal.core.commitments import MARKER, WrongDisclosure, disclose, has_marker
from counterseal.core.policy.decision import ClauseFinding, Decision, RuleFinding
from counterseal.core.policy.route import Route
from counterseal.core.wire import ActionView, Answer
from counterseal.errors import Misunderstood


def checked(view: ActionView) -> str:
    """Give the digest of what is shown. Raises ``Misunderstood`` if the server names another."""
    digest = action_digest(view.action)
    if digest != view.row.digest:
        raise Misunderstood(
            f"{view.row.action_id}: the server names {view.row.digest}, but what it shows has "
            f"{digest}; do not answer it, tell your operator."
        )
    return digest


def revealed(view: ActionView) -> dict[str, Json]:
    """Give the arguments, with what is disclosed put back. Raises ``Misunderstood``."""
    try:
        return disclose(view.action.arguments, view.disclosures)
    except WrongDisclosure as error:
        raise Misunderstood(f"{view.row.action_id}: {error.sentence}") from error


def print_view(console: Console, view: ActionView) -> None:
    """Print everything that would run, and why it is held."""
    row = view.row
    console.print(
        facts(
            [
                ("action", plain(row.action_id)),
                ("state", _state(view)),
                ("tool", plain(view.action.tool)),
                ("agent", plain(view.action.agent)),
                ("on behalf of", plain(view.action.principal)),
                ("environment", plain(view.action.environment)),
                ("session", plain(view.action.session)),
                ("resource", plain(view.action.resource)),
                ("requested", _when(row.requested_at)),
                ("held until", _when(row.held_until)),
                ("evidence", word(row.level)),
                ("digest", plain(row.digest)),
                ("justification", plain(view.justification)),
            ]
        )
    )
    console.print(Text("\narguments", style="dim"))
    arguments = revealed(view)
    print_exactly(console, arguments)
    if has_marker(arguments):
        hint = f"\nWhere {MARKER} stands is a sensitive value; --reveal shows it, on record."
        console.print(Text(hint, style="dim"))
    print_decision(console, view.decision)


def print_answer(console: Console, answer: Answer) -> None:
    """Print where an action stands, as its agent may know it."""
    console.print(
        facts(
            [
                ("action", plain(answer.action_id)),
                ("state", word(answer.phase)),
                ("verdict", verdicts(answer.verdict, answer.effective)),
                ("disposition", word(answer.disposition)),
                ("outcome", word(answer.outcome)),
                ("digest", plain(answer.digest)),
                ("message", plain(answer.message)),
                ("held until", _when(answer.held_until)),
                ("waits for", word(answer.grant.awaits if answer.grant else None)),
                ("evidence", word(answer.level)),
            ]
        )
    )
    if answer.action is not None:
        console.print(Text("\narguments", style="dim"))
        print_exactly(console, answer.action.arguments)


def print_exactly(console: Console, value: Json) -> None:
    """Print JSON so that what is printed is the value: no folding, no cutting, no markup."""
    console.print(Text(pretty(value)), soft_wrap=True)


def print_decision(console: Console, recorded: dict[str, Json]) -> None:
    """Print rules, clauses, values and thresholds."""
    try:
        decision = Decision.model_validate(recorded)
    except ValidationError:  # A newer server; its words are shown as they are.
        print_exactly(console, recorded)
        return
    console.print()
    console.print(
        facts(
            [
                ("decision", _verdict(decision)),
                ("class", plain(decision.action_class or "unknown tool")),
                ("risk", plain(decision.risk)),
                ("because of", plain(", ".join(decision.determining))),
                ("bundle", plain(f"{decision.bundle.name} {decision.bundle.version}")),
                *_route(decision.route),
            ]
        )
    )
    for finding in decision.fired:
        _print_rule(console, finding, "fired")
    for finding in decision.near_misses:
        _print_rule(console, finding, "just missed")


def _when(at: datetime | None) -> str:
    return f"{local(at)} ({relative(at)})" if at else "-"


def _verdict(decision: Decision) -> Text:
    return verdicts(decision.verdict, decision.effective)


def _state(view: ActionView) -> Text:
    said = word(view.row.phase)
    for each in (view.row.disposition, view.row.outcome):
        if each is not None:
            said.append(" ").append_text(word(each))
    return said


def _route(route: Route | None) -> Iterator[tuple[str, Text]]:
    if route is None:
        return
    for need in route.needs:
        yield "needs", plain(f"{need.quorum} of {', '.join(need.groups)}")
        for step in need.escalation:
            yield "", plain(f"after {step.after} s also {', '.join(step.groups)}")
    yield "silence means", plain(f"{route.on_timeout} after {route.timeout} s")


def _print_rule(console: Console, finding: RuleFinding, how: str) -> None:
    head = Text(f"\n{how}: ", style="bold").append_text(plain(finding.rule))
    head.append(" - ").append_text(plain(finding.title))
    stage = f" [{finding.stage}]" if finding.verdict != finding.effective else ""
    head.append(f"  {finding.verdict}{stage}")
    console.print(head)
    if finding.message:
        console.print(Text("  ").append_text(plain(finding.message)))
    for clause in finding.clauses:
        console.print(_clause(clause))


def _clause(clause: ClauseFinding) -> Text:
    marks = {True: "true ", False: "false", None: "error"}
    said = Text(f"  {marks[clause.holds]}  {clause.section} ").append_text(plain(clause.name))
    for name, value in {**clause.readings, **clause.thresholds}.items():
        said.append("  ").append_text(plain(name)).append("=").append(compact(value))
    if clause.error:
        said.append("  ").append_text(plain(clause.error))
    return said
