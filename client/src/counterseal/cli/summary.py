"""What a replay found, for people."""

from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from counterseal.cli.screen import facts, listing, plain, word
from counterseal.replay.tally import Tally, percentiles

_VERDICTS = ("ALLOW", "STEP_UP", "BLOCK", "UNDECIDED")


def progress(tally: Tally) -> Table:
    """Lay out how far a replay is."""
    return facts(
        [
            ("sessions", f"{tally.sessions_done} of {tally.sessions}"),
            ("calls", f"{tally.asked} of {tally.calls}"),
            ("effective", _counts(tally.effective)),
            ("errors", str(len(tally.mishaps))),
            ("latency", _latency(tally)),
        ]
    )


def print_summary(console: Console, tally: Tally) -> None:
    """Print the summary."""
    console.print(progress(tally))
    rows = [
        (word(name), plain(tally.verdicts[name]), plain(tally.effective[name]))
        for name in _VERDICTS
        if tally.verdicts[name] or tally.effective[name]
    ]
    _section(console, "verdicts", listing(("", "ENFORCED", "EFFECTIVE"), rows), rows)
    for title, counts in (
        ("determining rules", tally.rules),
        ("rules that fired, with or without effect", tally.fired),
        ("would have waited for", tally.waiting_for),
        ("tools that no class claims", tally.unknown_tools),
        ("how actions stand", tally.ended),
        ("errors", Counter(each.code for each in tally.mishaps)),
    ):
        table = listing(("COUNT", ""), [(plain(n), plain(name)) for name, n in _most(counts)])
        _section(console, title, table, counts)
    for each in tally.mishaps[:5]:
        where = f"line {each.line}: {each.code}: {each.sentence}"
        console.print(plain(where), soft_wrap=True)
    if tally.bad_lines:
        console.print(Text(f"{len(tally.bad_lines)} lines could not be read."))
    if tally.looked_up < len(tally.actions):
        console.print(
            Text(f"Rules and groups are counted for {tally.looked_up} of {len(tally.actions)}.")
        )


def _section(console: Console, title: str, table: Table, content: object) -> None:
    if content:
        console.print(Text(f"\n{title}", style="bold"))
        console.print(table)


def _most(counts: Counter[str]) -> list[tuple[str, int]]:
    return counts.most_common()


def _counts(counts: Mapping[str, int]) -> Text:
    said = Text()
    for name in _VERDICTS:
        if counts.get(name):
            said.append_text(word(name)).append(f" {counts[name]}  ")
    return said


def _latency(tally: Tally) -> str:
    found = percentiles(tally.latencies)
    return "  ".join(f"{name} {value} ms" for name, value in found.items()) or "-"
