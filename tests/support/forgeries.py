"""Changes to a package before it is signed, or after: what a forger does, one line each."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from tests.support import packages as p
from tests.support.lies import change

Change = Callable[[p.Draft], Any]
LOG = p.log_of(p.run_story())
OTHER_HASH = p.b64(bytes(32))


def base() -> p.Draft:
    return p.draft(LOG, p.ACTION)


def events(made: p.Draft, stream: str = p.ACTION) -> list[dict[str, Any]]:
    return [each for each in made.lines if f'"stream":"{stream}"' in each["canonical"]]


def nth(kind: str, number: int = 0) -> Callable[[p.Draft], dict[str, Any]]:
    return lambda made: [e for e in made.lines if f'"kind":"{kind}"' in e["canonical"]][number]


def drop(kind: str, number: int = 0, *, corrected: bool = True) -> Change:
    def edit(made: p.Draft) -> None:
        made.lines.remove(line := nth(kind, number)(made))
        if corrected:
            made.predicate["streams"][json.loads(line["canonical"])["stream"]]["count"] -= 1

    return edit


def double(kind: str, *, corrected: bool = True) -> Change:
    def edit(made: p.Draft) -> None:
        line = nth(kind)(made)
        made.lines.insert(made.lines.index(line), deepcopy(line))
        if corrected:
            made.predicate["streams"][p.ACTION]["count"] += 1

    return edit


def rewrite(kind: str, old: str, new: str, number: int = 0) -> Change:
    def edit(made: p.Draft) -> None:
        line = nth(kind, number)(made)
        assert old in line["canonical"]
        line["canonical"] = line["canonical"].replace(old, new)

    return edit


def line(kind: str, **fields: Any) -> Change:
    return lambda made: nth(kind)(made).update(fields)


def said(**fields: Any) -> Change:
    return lambda made: made.predicate.update(fields)


def unsaid(name: str) -> Change:
    return lambda made: made.predicate.pop(name)


def stream(name: str = p.ACTION, **fields: Any) -> Change:
    return lambda made: made.predicate["streams"][name].update(fields)


def scope(**fields: Any) -> Change:
    return lambda made: made.predicate["scope"].update(fields)


def file(name: str, content: bytes | None) -> Change:
    def edit(made: p.Draft) -> None:
        made.files[name] = content or b""
        if content is None:
            del made.files[name]

    return edit


def later(edit: Callable[[dict[str, bytes]], Any]) -> Change:
    return lambda made: setattr(made, "after_signing", edit)


def all_of(*edits: Change) -> Change:
    return lambda made: [edit(made) for edit in edits]


def reorder(made: p.Draft) -> None:
    made.lines[4], made.lines[5] = made.lines[5], made.lines[4]


def swap_seqs(made: p.Draft) -> None:
    one, two = made.lines[4], made.lines[5]
    one["canonical"], two["canonical"] = two["canonical"], one["canonical"]


def cut_tail(made: p.Draft) -> None:
    drop("action.closed")(made)
    drop("execution.reported")(made)
    stream(state="open")(made)
    made.files["ocsf.jsonl"] = p.ocsf(made.lines)


def relabel(made: p.Draft) -> None:
    """Withhold an event of the action as if it were another's."""
    found = nth("vote.counted", 1)(made)
    text = found.pop("canonical")
    found |= {"leaf": p.sha(b"\x00" + text.encode()).hex(), "stream": p.SECOND, "version": 0}
    made.predicate["withheld"] = 1


def hide(kind: str) -> Change:
    def edit(made: p.Draft) -> None:
        found = nth(kind)(made)
        text = found.pop("canonical")
        told = json.loads(text)
        leaf = p.sha(b"\x00" + text.encode()).hex()
        found |= {"leaf": leaf, "stream": told["stream"], "version": told["version"]}
        made.predicate["withheld"] += 1

    return edit


def signed_by(*keys: p.Signer) -> Change:
    return lambda made: setattr(made, "signers", [*keys])


def packed_by(*keys: p.Signer) -> Change:
    return lambda made: setattr(made, "packagers", [*keys])


def fork(made: p.Draft) -> None:
    """Show another history, signed by the log, which no witness has seen."""
    forged = p.log_of(change("vote.counted", reason="changed")(p.run_story()))
    forked = p.draft(forged, p.ACTION)
    made.lines, made.predicate, made.text = forked.lines, forked.predicate, forked.text
    made.signers = [p.LOG]


def stolen_lines(made: p.Draft) -> None:
    """Keep the witnesses' lines of the honest checkpoint under a forged one."""
    honest = made.text
    fork(made)
    made.note = made.text + "\n" + p.LOG.line(made.text)
    made.note += "".join(each.line(honest) for each in p.WITNESSES)


def witnessed_under(at: int) -> Change:
    def edit(made: p.Draft) -> None:
        lines = [p.LOG.line(made.text)]
        for each in p.WITNESSES[:2]:
            honest = each.line(made.text)
            raw = bytearray(p.unb64(honest.split()[-1]))
            raw[4:12] = at.to_bytes(8, "big")
            lines.append(f"\u2014 {each.name} {p.b64(bytes(raw))}\n")
        made.note = made.text + "\n" + "".join(lines)

    return edit


def body(text: str) -> Change:
    return lambda made: setattr(made, "text", text)


def tree(size: int, root: str) -> Change:
    def edit(made: p.Draft) -> None:
        made.text = f"{p.ORIGIN}\n{size}\n{root}\n"
        made.predicate["tree"] = {"size": size, "root": root}

    return edit


def resized(made: p.Draft) -> None:
    """Say another size above the signatures that are there."""
    text = made.text.replace(f"\n{SIZE}\n", f"\n{SIZE + 1}\n")
    made.note = LOG.note().replace(made.text, text)
    made.predicate["tree"]["size"] += 1


SIZE = len(LOG.entries)
