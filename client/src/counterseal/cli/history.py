"""``counterseal history``: everything recorded of one action, checked."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from counterseal import oversight
from counterseal.cli.exits import Exit
from counterseal.cli.inert import compact, pretty
from counterseal.cli.screen import AsJson, local, out, plain, print_json
from counterseal.cli.server import server
from counterseal.core.canonical import Json, canonical
from counterseal.core.errors import Unreadable
from counterseal.core.links import flaws, leaf_hash, unseal
from counterseal.core.wire import EventView, Story

_LONGEST = 160


def history(
    action: Annotated[str, typer.Argument(help="The action's ID, as `actions ls` shows it.")],
    *,
    full: Annotated[bool, typer.Option("--full", help="Print whole events.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell the story of ACTION event by event, and check that its hash links hold.

    Exit code 1 means that they do not: an event was changed, dropped, inserted or moved.

    Example: counterseal history act_0123456789abcdef0123456789abcdef
    """
    with server() as line:
        tenant = line.ask(oversight.whoami()).tenant
        story = line.ask(oversight.story(action))
    found = story_flaws(tenant, action, story)
    if as_json:
        print_json({**story.model_dump(mode="json"), "intact": not found, "flaws": list(found)})
    else:
        _print_story(out(), story, found, full=full)
    if found:
        raise typer.Exit(Exit.REFUSED)


def story_flaws(tenant: str, action: str, story: Story) -> list[str]:
    """Check all streams of an action; an empty list means that every link holds."""
    found = [] if story.events else [f"{action}: the story is empty"]
    beside = ((f"{action}:late", story.late), (f"{action}:data", story.data))
    for stream, events in ((action, story.events), *beside):
        found += flaws(tenant, stream, [each.canonical.encode() for each in events])
        found += [
            f"{stream} version {each.version}: its stated link is not the hash of its bytes"
            for each in events
            if leaf_hash(each.canonical.encode()).hex() != each.link
        ]
    return found


def _print_story(console: Console, story: Story, found: list[str], *, full: bool) -> None:
    for each in story.events:
        _print_event(console, each, full=full)
    for heading, events in (
        ("refused after it had closed:", story.late),
        ("what became of its sensitive values:", story.data),
    ):
        if events:
            console.print(Text(heading, style="bold"))
        for each in events:
            _print_event(console, each, full=full)
    for flaw in found:
        console.print(Text("BROKEN ", style="bold red").append_text(plain(flaw)), soft_wrap=True)
    count = len(story.events) + len(story.late) + len(story.data)
    verdict = (
        Text(f"The links do NOT hold: {len(found)} flaws.", style="bold red")
        if found
        else Text(f"The hash links of all {count} events hold.", style="green")
    )
    console.print(verdict)


def _print_event(console: Console, each: EventView, *, full: bool) -> None:
    head = Text(f"{each.version:>3}  {local(each.recorded_at)}  ")
    head.append_text(plain(each.kind)).stylize("bold", len(head) - len(each.kind))
    console.print(head.append(f"  seq {each.seq}", style="dim"))
    try:
        event = unseal(each.canonical.encode())["event"]
    except (Unreadable, KeyError):
        console.print(Text("     ").append_text(plain(each.canonical)), soft_wrap=True)
        return
    if full:
        console.print(Text(pretty(event)), soft_wrap=True)
    elif isinstance(event, dict):
        for name, value in event.items():
            if name not in ("kind", "at") and value not in (None, [], {}):
                console.print(_field(name, value), soft_wrap=True)


def _field(name: str, value: Json) -> Text:
    said = Text("     ").append_text(plain(name)).append(" ")
    if isinstance(value, str):
        return said.append_text(plain(value))
    size = len(canonical(value))
    # Never cut silently: what does not fit on a line is announced, and --full has it.
    return said.append(f"({size} bytes, see --full)" if size > _LONGEST else compact(value))
