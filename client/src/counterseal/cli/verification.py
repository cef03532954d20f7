"""``counterseal evidence verify``: all that the verifier checks, and decisions judged again."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from counterseal.cli.inert import visible
from counterseal.cli.screen import AsJson, print_json
from counterseal.core.commitments import Disclosure
from counterseal.errors import Unsendable

if TYPE_CHECKING:
    from counterseal.core.policy.rejudge import Rejudged, Rejudging
    from counterseal_verify import Case, Report


def verify(
    package: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The ZIP file.")],
    *,
    trust: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Whose signatures you believe."),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A checkpoint you kept: only grown?"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check PACKAGE without any server, and judge its decisions again by the recorded policy.

    The trust file comes from you, never from the package. Exit code 1 means that a check failed
    or that no trust file was given, 2 that this cannot be read as a package.

    Example: counterseal evidence verify package.zip --trust trust.txt
    """
    verifier = _verifier()
    report: Report = verifier.verify(
        package.read_bytes(),
        trust.read_bytes() if trust else None,
        since.read_bytes() if since else None,
    )
    missing = None if report.unreadable else _judge_again(report)
    if as_json:
        print_json(verifier.as_json(report))
    else:
        for line in verifier.page(report, _paint):
            sys.stdout.write(line + "\n")
    if missing is not None and not report.code:
        raise missing
    raise typer.Exit(report.code)


def _verifier() -> ModuleType:
    # It is a distribution of its own, so that those who trust nobody need nothing else of ours.
    try:
        import counterseal_verify
    except ImportError as error:
        raise Unsendable(
            "checking packages takes the verifier; install it with "
            "`pip install counterseal-verify`, or run counterseal_verify.py by itself."
        ) from error
    return counterseal_verify


def _judge_again(report: "Report") -> Unsendable | None:
    """Add to the report how each decision comes out when it is judged again."""
    try:
        from counterseal.core.policy.rejudge import Rejudging
    except ImportError as error:
        report.warnings.append("No decision was judged again: the policy engine is not installed.")
        return Unsendable(
            f"everything else is good, but judging again needs {error.name}; install it with "
            "`pip install 'counterseal[policy]'`, or be content with counterseal-verify."
        )
    again = Rejudging({name: json.loads(text) for name, text in report.policies.items()})
    results = [*_results(report, again)]
    same = sum(each.same is True for _, each in results)
    sentence = f"{same} of {len(results)} decisions judged again, and the same."
    with report.check("rejudged", sentence) as fail:
        for action, each in results:
            if each.same is None:
                report.warnings.append(f"{action}: {each.sentence}")
            elif not each.same:
                fail(visible(each.sentence), action)
    return None


def _results(report: "Report", again: "Rejudging") -> Iterator[tuple[str, "Rejudged"]]:
    from counterseal.core.policy.rejudge import Rejudged

    for case in report.cases:
        action = case.of("action.requested").get("action")
        decision = case.of("decision.reached").get("decision")
        if action is not None and decision is not None:
            yield case.id, again.judge(action, decision, _disclosed(report, case))
        else:
            yield case.id, Rejudged(None, "Not judged again: the request or decision is withheld.")


def _disclosed(report: "Report", case: "Case") -> list[Disclosure]:
    return [
        Disclosure(pointer=each["pointer"], salt=each["salt"], value=each["value"])
        for each in report.values
        if each["action"] == case.id
    ]


def _paint(text: str, sgr: str) -> str:
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return f"\x1b[{sgr}m{text}\x1b[0m" if coloured else text
