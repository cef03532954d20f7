"""Shows and destroys sensitive values. Both are recorded first, in the stream beside the action."""

import contextlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from activities.recorder import TRIES, Page, StillMoving
from counterseal.core.commitments import Disclosure
from counterseal.core.links import seal, unseal
from counterseal.core.words import Role
from domain.custody import (
    CustodyEvent,
    DataRevealed,
    DataShredded,
    data_stream,
    read_custody_event,
    sensitive_places,
)
from domain.ports import Entry, Ledger, Recorded, StreamMoved
from domain.vault import Secrets, Shredded

Story = Sequence[CustodyEvent]


class Custody:
    """Reveals and shreds. Whether that may be asked is for ``domain.custody`` to say."""

    def __init__(self, ledger: Ledger, secrets: Secrets) -> None:
        self._ledger = ledger
        self._secrets = secrets

    async def reveal(
        self,
        page: Page,
        at: datetime,
        by: str,
        role: Role,
        why: str | None,
        only: Collection[str] | None = None,
    ) -> tuple[Disclosure, ...] | Shredded | None:
        """Open an action's values, and return them once it is on record that they were seen.

        ``only`` names the places to open. Nothing is recorded if there is nothing to see. Raises
        ``KeyUnknown`` or ``Unavailable``.
        """
        kept = await self._secrets.disclosures(page.tenant, page.stream)
        if kept is None or isinstance(kept, Shredded):
            return kept
        if only is not None:
            kept = tuple(each for each in kept if each.pointer in only)
        if not kept:
            return kept
        seen = DataRevealed(
            at=at,
            action=page.stream,
            by=by,
            role=role,
            pointers=tuple(each.pointer for each in kept),
            why=why,
        )
        await self._record(page, lambda _: seen)
        return kept

    async def shred(
        self, page: Page, at: datetime, by: str, because: str, request: str | None = None
    ) -> DataShredded:
        """Destroy an action's values, and return how that is recorded: the first time stands."""
        gone = DataShredded(
            at=at,
            action=page.stream,
            by=by,
            because=because,
            pointers=sensitive_places(page.state),
            request=request,
        )
        recorded = await self._record(page, lambda story: _shredded(story) or gone)
        if not isinstance(recorded, DataShredded):
            raise TypeError(f"shredding was recorded as {recorded.kind}")
        return recorded

    async def _record(self, page: Page, decide: Callable[[Story], CustodyEvent]) -> CustodyEvent:
        stream = data_stream(page.stream)
        for _ in range(TRIES):
            past = await self._ledger.read(page.tenant, stream)
            story = [_event(each) for each in past]
            event = decide(story)
            if event in story:
                return event
            with contextlib.suppress(StreamMoved):
                await self._ledger.append(_entry(page, past, event))
                return event
        raise StillMoving(f"{stream} kept changing; ask again")


def _shredded(story: Story) -> DataShredded | None:
    return next((each for each in story if isinstance(each, DataShredded)), None)


def _event(recorded: Recorded) -> CustodyEvent:
    return read_custody_event(unseal(recorded.canonical)["event"])


def _entry(page: Page, past: Sequence[Recorded], event: CustodyEvent) -> Entry:
    stream = data_stream(page.stream)
    end = (past[-1].version, past[-1].link) if past else (-1, None)
    shreds = isinstance(event, DataShredded)
    return Entry(
        tenant=page.tenant,
        stream=stream,
        expected=end[0],
        events=seal(page.tenant, stream, end, [event.model_dump(mode="json")]),
        table="secret" if shreds else None,
        summary={"action_id": page.stream} if shreds else None,
    )
