"""``counterseal policy``: check, test, explain, activate. Judging needs ``counterseal[policy]``."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from counterseal import oversight
from counterseal.calls import made
from counterseal.cli import judging
from counterseal.cli.exits import Exit
from counterseal.cli.filters import ACTIVATIONS, filtered
from counterseal.cli.keys import read_json
from counterseal.cli.lists import Chosen, laid_out, paged
from counterseal.cli.screen import AsJson, err, local, out, plain, print_json, word
from counterseal.cli.server import server, whole_view
from counterseal.cli.shown import print_decision
from counterseal.core.action import Action, action_id
from counterseal.core.canonical import ARGUMENTS, Json, parse
from counterseal.core.errors import Unreadable
from counterseal.core.policy.decision import Decision
from counterseal.core.review import ActivationLine
from counterseal.core.wire import NewBundle
from counterseal.core.words import Verdict
from counterseal.errors import Unsendable

app = typer.Typer(
    help="Write, test and activate policy bundles.", no_args_is_help=True, rich_markup_mode=None
)

Directory = Annotated[
    Path,
    typer.Argument(exists=True, file_okay=False, help="A directory with a bundle.yaml."),
]
Against = Annotated[
    Path | None,
    typer.Option(exists=True, file_okay=False, help="Judge by the bundle in this directory."),
]
_ENDS = {Verdict.ALLOW: Exit.OK, Verdict.STEP_UP: Exit.PENDING, Verdict.BLOCK: Exit.REFUSED}


@app.command()
def check(directory: Directory, *, as_json: AsJson = False) -> None:
    """Say everything that is wrong with a bundle, each mistake with its place.

    Example: counterseal policy check policies/starter
    """
    checked = judging.check(directory)
    if as_json:
        print_json(checked.report())
    else:
        for complaint in checked.complaints:
            out().print(plain(complaint), soft_wrap=True)
        if checked.name:
            out().print(plain(f"{checked.name} is sound: {checked.digest}"))
    if checked.complaints:
        raise typer.Exit(Exit.REFUSED)


@app.command("test")
def run_cases(
    directory: Directory,
    *,
    covered: Annotated[
        bool, typer.Option("--covered", help="Fail too if a rule or clause stays unproved.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the cases of a bundle by the judge that production runs.

    Example: counterseal policy test policies/starter
    """
    tested = judging.run_cases(directory)
    if as_json:
        print_json(tested.report())
    else:
        for name, differences in tested.failures:
            out().print(Text("FAILED ", style="red").append_text(plain(name)), soft_wrap=True)
            for each in differences:
                out().print(Text("    ").append_text(plain(each)), soft_wrap=True)
        for gap in tested.gaps:
            err().print(Text("unproved: ").append_text(plain(gap)), soft_wrap=True)
        out().print(Text(f"{tested.passed} of {tested.count} cases passed."))
    if tested.failures or not tested.count or (covered and tested.gaps):
        raise typer.Exit(Exit.REFUSED)


@app.command()
def explain(  # noqa: PLR0913 - one parameter per part of an action
    action: Annotated[str | None, typer.Argument(help="A recorded action's ID.")] = None,
    *,
    bundle: Against = None,
    tool: Annotated[str | None, typer.Option(help="Judge a made-up call of this tool.")] = None,
    args: Annotated[str, typer.Option(help="Its arguments: JSON, or @FILE.")] = "{}",
    agent: Annotated[str, typer.Option(help="Who would ask.")] = "agent",
    principal: Annotated[str | None, typer.Option(help="On whose behalf.")] = None,
    environment: Annotated[str, typer.Option(help="Where.")] = "production",
    request: Annotated[str | None, typer.Option(help="What the user asked the agent for.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why: of a recorded action, or of a made-up call judged by a bundle here.

    With both an action and --bundle, the recorded action and facts are judged anew by that
    bundle. A made-up call has no history, and its counters stand at zero.

    Example: counterseal policy explain --bundle policies/starter --tool send_email --args '{}'
    """
    if (action is None) == (tool is None) or (tool is not None and bundle is None):
        raise typer.BadParameter("give an ACTION, or --tool together with --bundle")
    if action is not None:
        decision = _recorded(action, bundle)
    else:
        imagined = _imagined(str(tool), args, (agent, principal, environment))
        decision = judging.judge_imagined(bundle or Path(), imagined, request, datetime.now(UTC))
    if as_json:
        print_json(decision)
    else:
        print_decision(out(), decision.model_dump(mode="json"))
        out().print(Text("\nThe agent is told: ").append_text(plain(decision.for_agent)))
    raise typer.Exit(_ENDS[decision.effective])


@app.command()
def activate(
    directory: Directory,
    *,
    because: Annotated[str | None, typer.Option(help="Why, for whoever reviews it.")] = None,
    incident: Annotated[str | None, typer.Option(help="The incident it answers.")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring a bundle into force for new actions. Actions already held keep theirs.

    Example: counterseal policy activate policies/starter --incident INC-4711
    """
    files = judging.files(directory)
    new = made(NewBundle, {"files": files, "because": because, "incident": incident})
    with server() as line:
        found = line.ask(oversight.activate(new))
    if as_json:
        print_json(found)
    else:
        out().print(plain(f"{found.name} {found.version} is in force: {found.digest}"))


@app.command()
@filtered(ACTIVATIONS)
@paged
def log(*, filters: dict[str, str], chosen: Chosen) -> None:
    """Tell which bundle came into force when, by whom, why, and which rules that changed.

    Example: counterseal policy log --incident INC-4711
    """
    chosen.write(ActivationLine, chosen.pages(oversight.activations, filters), _activations)


def _activations(lines: Sequence[ActivationLine]) -> Table:
    columns: dict[str, Callable[[ActivationLine], Text]] = {
        "SINCE": lambda line: plain(local(line.at)),
        "BUNDLE": lambda line: plain(f"{line.name} {line.version}"),
        "BY": lambda line: plain(line.by),
        "INCIDENT": lambda line: plain(line.incident),
        "BECAUSE": lambda line: plain(line.because),
        "CHANGED": lambda line: plain(" ".join(_changed(line)) if line.replaces else "the first"),
    }
    return laid_out(columns, lines)


def _changed(line: ActivationLine) -> Iterator[str]:
    """Name what changed: ``+`` for new, ``-`` for gone, ``~`` for different."""
    for sign, rules, classes in (
        ("+", line.rules_added, line.classes_added),
        ("-", line.rules_removed, line.classes_removed),
        ("~", line.rules_changed, line.classes_changed),
    ):
        yield from (f"{sign}{name}" for name in rules)
        yield from (f"{sign}class:{name}" for name in classes)
    yield from (f"~{name}" for name in line.parts_changed)


def _recorded(action: str, bundle: Path | None) -> Decision:
    with server() as line:
        view = whole_view(line, action)
    recorded = Decision.model_validate(view.decision)
    if bundle is None:
        return recorded
    decision = judging.judge(bundle, view.action, recorded.facts)
    was, now = word(recorded.effective), word(decision.effective)
    err().print(Text("was ").append_text(was).append(", would be ").append_text(now))
    return decision


def _imagined(tool: str, args: str, who: tuple[str, str | None, str]) -> Action:
    agent, principal, environment = who
    return made(
        Action,
        {
            "id": action_id("explain", agent, tool),
            "tenant": "explain",
            "agent": agent,
            "principal": principal,
            "environment": environment,
            "tool": tool,
            "arguments": _arguments(args),
        },
    )


def _arguments(text: str) -> Json:
    if text.startswith("@"):
        return read_json(Path(text[1:]), ARGUMENTS)
    try:
        return parse(text.encode("utf-8", "surrogateescape"), ARGUMENTS)
    except Unreadable as error:
        raise Unsendable(f"--args: {error}") from error
