"""Whatever is done to a log that was kept a checkpoint of, the audit says what."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterseal.core.links import leaf_hash, seal
from counterseal.core.tlog.audit import Finding, LogAudit, Stored
from counterseal.core.tlog.checkpoint import Checkpoint
from counterseal.core.tlog.tree import Frontier

TENANT = "main"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KINDS = ("action.requested", "decision.reached", "action.settled", "action.closed")
Log = list[Stored]


def replace(each: Stored, **changed: Any) -> Stored:
    return each._replace(**changed)


def written(actions: int, note: str = "", first: int = 0) -> Log:
    log: Log = []
    for number in range(first, first + actions):
        stream = f"act_{number:032x}"
        events = [{"kind": kind, "at": f"{NOON:%FT%TZ}", "note": note} for kind in KINDS]
        for each in seal(TENANT, stream, (-1, None), events):
            at = NOON + timedelta(seconds=len(log))
            log.append(
                Stored(len(log), stream, each.version, each.kind, each.canonical, each.link, at)
            )
    return log


def checkpoint(log: Log) -> Checkpoint:
    frontier = Frontier()
    frontier.extend(each.link for each in log)
    return Checkpoint("test/main", len(log), frontier.root())


def audited(log: Log, *kept: Checkpoint) -> list[Finding]:
    audit = LogAudit(TENANT, dict.fromkeys(kept, "that was kept"))
    audit.take(log)
    audit.finish()
    return audit.findings


def renumbered(log: Log) -> Log:
    """Write the log as whoever edits it would, with places and times that look right."""
    return [
        replace(each, seq=seq, recorded_at=NOON + timedelta(seconds=seq))
        for seq, each in enumerate(log)
    ]


HONEST = written(20)
KEPT = (checkpoint(HONEST[:40]), checkpoint(HONEST))


def edited(log: Log) -> Log:
    """Change a text, and nothing else."""
    text = log[9].canonical.replace(b"2026", b"2025")
    return [*log[:9], replace(log[9], canonical=text), *log[10:]]


def edited_with_hash(log: Log) -> Log:
    """Change a text and the hash beside it."""
    text = log[9].canonical.replace(b"2026", b"2025")
    return [*log[:9], replace(log[9], canonical=text, link=leaf_hash(text)), *log[10:]]


def deleted(log: Log) -> Log:
    """Delete a row."""
    return [*log[:17], *log[18:]]


def deleted_and_renumbered(log: Log) -> Log:
    """Delete a row and close the gap."""
    return renumbered(deleted(log))


def story_deleted(log: Log) -> Log:
    """Delete a whole story and close the gap: every row left fits its neighbours."""
    return renumbered([*log[:16], *log[20:]])


def swapped(log: Log) -> Log:
    """Change the order of two whole stories."""
    return renumbered([*log[:16], *log[20:24], *log[16:20], *log[24:]])


def tail_dropped(log: Log) -> Log:
    """Drop the last story."""
    return log[:-4]


def rewritten(log: Log) -> Log:
    """Write everything anew from the third story on, with every link right."""
    return renumbered([*log[:8], *written(18, "other", 2)])


def back_dated_row(log: Log) -> Log:
    """Say that a row was recorded earlier."""
    return [*log[:30], replace(log[30], recorded_at=NOON - timedelta(days=1)), *log[31:]]


def relabelled(log: Log) -> Log:
    """List an event as another kind."""
    return [*log[:5], replace(log[5], kind="vote.counted"), *log[6:]]


def moved(log: Log) -> Log:
    """List an event under another stream."""
    return [*log[:4], replace(log[4], stream="act_" + "f" * 32), *log[5:]]


def appended_twice(log: Log) -> Log:
    """Insert a copy of an event."""
    return renumbered([*log[:12], log[11], *log[12:]])


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        (edited, "changed"),
        (edited_with_hash, "misplaced"),  # the next event of its stream names another
        (deleted, "gap"),
        (deleted_and_renumbered, "misplaced"),
        (story_deleted, "rewritten"),
        (swapped, "rewritten"),
        (tail_dropped, "tail-dropped"),
        (rewritten, "rewritten"),
        (back_dated_row, "back-dated"),
        (relabelled, "changed"),
        (moved, "misplaced"),
        (appended_twice, "misplaced"),
    ],
)
def test_what_was_done_is_said(tamper: Callable[[Log], Log], code: str) -> None:
    assert code in {each.code for each in audited(tamper(HONEST), *KEPT)}


def test_an_honest_log_has_no_findings() -> None:
    assert audited(HONEST, *KEPT) == []


def test_an_honest_log_may_have_grown_since() -> None:
    assert audited(written(30), *KEPT) == []


def test_a_rewriting_is_narrowed_down_to_between_two_checkpoints() -> None:
    later = renumbered([*HONEST[:60], *written(5, "x", 15)])
    found = audited(later, *KEPT)
    assert [each.code for each in found] == ["rewritten"]
    assert "from seq 40 to 79" in found[0].sentence


def test_without_a_kept_checkpoint_a_perfect_forgery_passes() -> None:
    assert audited(rewritten(HONEST)) == []


def test_a_head_that_says_something_else_is_found() -> None:
    audit = LogAudit(TENANT)
    audit.take(HONEST)
    audit.compare_head(audit.size, audit.root)
    assert audit.is_sound
    audit.compare_head(audit.size + 1, audit.root)
    audit.compare_head(audit.size, bytes(32))
    assert [each.code for each in audit.findings] == ["head-changed"] * 2


@pytest.mark.parametrize("place", [0, 255, 256, 299])
def test_a_tile_that_was_edited_is_found(place: int) -> None:
    log = written(75)
    audit = LogAudit(TENANT)
    audit.take(log)
    tile = bytearray(b"".join(each.link for each in log[place // 256 * 256 :][:256]))
    audit.compare_tile((0, place // 256), bytes(tile))
    assert audit.is_sound
    tile[(place % 256) * 32] ^= 1
    audit.compare_tile((0, place // 256), bytes(tile))
    audit.compare_tile((0, place // 256), bytes(tile[:-1]))
    assert [each.code for each in audit.findings] == ["tile-changed"] * 2


def test_a_tile_that_has_grown_meanwhile_is_no_finding() -> None:
    log = written(75)
    audit = LogAudit(TENANT)
    audit.take(log[:290])
    audit.compare_tile((0, 1), b"".join(each.link for each in log[256:]))
    audit.compare_tile((0, 2), bytes(32))
    assert audit.is_sound


@given(st.data())
def test_any_change_of_one_byte_is_found(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(HONEST) - 1))
    text = bytearray(HONEST[place].canonical)
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= data.draw(st.integers(1, 255))
    link = data.draw(st.sampled_from([HONEST[place].link, leaf_hash(bytes(text))]))
    changed = replace(HONEST[place], canonical=bytes(text), link=link)
    assert audited([*HONEST[:place], changed, *HONEST[place + 1 :]], *KEPT)


@given(st.permutations(range(12)))
def test_any_other_order_is_found(order: list[int]) -> None:
    log = HONEST[:12]
    found = audited(renumbered([log[place] for place in order]), checkpoint(log))
    assert bool(found) == (order != sorted(order))


def test_no_more_findings_are_kept_than_anybody_reads() -> None:
    assert len(audited(deleted_and_renumbered(written(400)[::-1]), *KEPT)) == 100
