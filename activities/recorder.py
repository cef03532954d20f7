"""The one way to change an action: read its story, let the domain decide, append, or try again.

The workflow, the API and the sweeper all come through here, so any of them may write a stream.
Whoever loses a race reads what it missed and decides again. The ledger's version check is what
decides races; taking turns within a process only keeps a crowd from losing them over and over.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from weakref import WeakValueDictionary

from counterseal.core.links import Sealed, seal, unseal
from counterseal.core.words import Disposition, Outcome, Verdict
from domain.commands import Ask, Command
from domain.events import Event, Refusal, read_event
from domain.evolution import evolve
from domain.lifecycle import decide
from domain.ports import Contribution, Entry, Ledger, Recorded, StreamMoved
from domain.refusals import late_stream, refuse
from domain.standing import Standing, standing, summary
from domain.states import Closed, Granted, Held, Redeemed, State, Unseen

PAGES_KEPT = 512
"""How many open actions' pages are kept in memory, to spare reading them again."""

TRIES = 32
"""How often a lost race is run again. Each loss means that somebody else made progress."""


class StillMoving(Exception):  # noqa: N818 - it reads as what happened
    """A stream moved faster than it could be followed; nothing was changed, so ask again."""


@dataclass(frozen=True, slots=True)
class Page:
    """A stream as far as it has been read: its state, and where the next event goes."""

    tenant: str
    stream: str
    state: State = field(default_factory=Unseen)
    version: int = -1
    link: bytes | None = None
    story: tuple[Event, ...] = ()

    def with_recorded(self, recorded: Sequence[Recorded]) -> "Page":
        """Read on."""
        if not recorded:
            return self
        events = tuple(read_event(unseal(each.canonical)["event"]) for each in recorded)
        return Page(
            self.tenant,
            self.stream,
            reduce(evolve, events, self.state),
            recorded[-1].version,
            recorded[-1].link,
            (*self.story, *events),
        )

    @property
    def standing(self) -> Standing:
        """Sum up where the action stands."""
        return standing(self.state, self.version)

    @property
    def last_at(self) -> datetime | None:
        """When the latest event happened."""
        return self.story[-1].at if self.story else None


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What a command led to: the events it added, and the story with them.

    ``late`` are refusals kept beside a story that had already ended.
    """

    page: Page
    added: tuple[Event, ...] = ()
    late: tuple[Refusal, ...] = ()

    @property
    def standing(self) -> Standing:
        """Where the action stands now."""
        return self.page.standing


class Recorder:
    """Obeys commands against a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._pages: OrderedDict[tuple[str, str], Page] = OrderedDict()
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def read(self, tenant: str, action_id: str) -> Page:
        """Read an action's story. The page is empty if there is none."""
        return await self._read_on(self._remembered(tenant, action_id))

    async def obey(
        self, tenant: str, action_id: str, command: Command, known: Page | None = None
    ) -> Obeyed:
        """Record what ``command`` adds to an action, and return once it is committed.

        Repeating a command adds nothing. ``known`` spares a read if the caller has just read or
        knows that there is nothing yet. Raises ``FactsMoved`` (judge again), ``UnknownTenant``,
        ``Unavailable`` or ``StillMoving``.
        """
        page = known if known is not None else self._remembered(tenant, action_id)
        obeyed = await self._try(page, command)
        if obeyed is not None and (obeyed.added or known is not None):
            return obeyed
        # The page was old: nothing to add may only mean that. Whoever lost a race queues for the
        # next one, or each of many would lose to all the others in turn.
        async with self._turn(page):
            for _ in range(TRIES):
                page = await self._read_on(page)
                if (obeyed := await self._try(page, command)) is not None:
                    return obeyed
        raise StillMoving(f"{action_id} kept changing; ask again")

    async def _try(self, page: Page, command: Command) -> Obeyed | None:
        """Obey on the strength of ``page``; None if somebody else has written meanwhile."""
        timely = _not_before(command, page.last_at)
        added = _unsaid(page.story, decide(page.state, timely))
        try:
            after = await self._append(page, added, timely) if added else page
        except StreamMoved:
            return None
        return Obeyed(after, added, await self._refuse_late(after, timely))

    def _turn(self, page: Page) -> asyncio.Lock:
        """Let those of this process who want to write the same stream do so one by one."""
        return self._turns.setdefault((page.tenant, page.stream), asyncio.Lock())

    def _remembered(self, tenant: str, stream: str) -> Page:
        """Recall an open action's page. It may be old: the ledger's version check tells."""
        return self._pages.get((tenant, stream)) or Page(tenant, stream)

    def _remember(self, page: Page) -> Page:
        """Keep the pages of actions that will be asked for again, and only those."""
        named = (page.tenant, page.stream)
        self._pages.pop(named, None)
        if isinstance(page.state, Held | Granted | Redeemed):
            self._pages[named] = page
            if len(self._pages) > PAGES_KEPT:
                self._pages.popitem(last=False)
        return page

    async def _read_on(self, page: Page) -> Page:
        recorded = await self._ledger.read(page.tenant, page.stream, after=page.version)
        return self._remember(page.with_recorded(recorded)) if recorded else page

    async def _append(self, page: Page, added: Sequence[Event], command: Command) -> Page:
        sealed = _sealed(page, added)
        after = Page(
            page.tenant,
            page.stream,
            reduce(evolve, added, page.state),
            sealed[-1].version,
            sealed[-1].link,
            (*page.story, *added),
        )
        await self._ledger.append(
            Entry(
                tenant=page.tenant,
                stream=page.stream,
                expected=page.version,
                events=sealed,
                table="action",
                summary=summary(after.state, after.version),
                contributions=_contributions(command),
                guards=_guards(command),
                release=_releases(after.state),
                wake=not isinstance(page.state, Unseen),
            )
        )
        return self._remember(after)

    async def _refuse_late(self, page: Page, command: Command) -> tuple[Refusal, ...]:
        """Keep what cannot follow ``action.closed`` in the stream beside it, once."""
        if not isinstance(page.state, Closed):
            return ()
        refusals = refuse(page.state, command)
        if not refusals:
            return ()
        beside = Page(page.tenant, late_stream(page.stream))
        async with self._turn(beside):
            for _ in range(TRIES):
                beside = await self._read_on(beside)
                if (past := _same_refusal(beside.story, refusals[0])) is not None:
                    return (past,)
                with contextlib.suppress(StreamMoved):
                    await self._ledger.append(
                        Entry(
                            tenant=beside.tenant,
                            stream=beside.stream,
                            expected=beside.version,
                            events=_sealed(beside, refusals),
                        )
                    )
                    return refusals
        raise StillMoving(f"{page.stream} kept being asked; ask again")


def request_of(event: Event) -> str | None:
    """Name the request an event answers: a vote's, a redemption's or another request's ID."""
    for name in ("vote_id", "request_id"):
        if isinstance(found := getattr(event, name, None), str):
            return found
    return None


def find_answer(obeyed: Obeyed, fits: Callable[[Event], bool]) -> Event | None:
    """Find the latest event, added now or long ago, that answers a request."""
    return next((one for one in reversed((*obeyed.page.story, *obeyed.late)) if fits(one)), None)


def _same_refusal(story: Sequence[Event], refusal: Refusal) -> Refusal | None:
    for past in story:
        if isinstance(past, type(refusal)) and _said(past) == _said(refusal):
            return past
    return None


def _said(refusal: Refusal) -> dict[str, object]:
    return refusal.model_dump(exclude={"at"})


def _unsaid(story: Sequence[Event], added: tuple[Event, ...]) -> tuple[Event, ...]:
    """Leave out a refusal that this very request was given before."""
    if len(added) == 1 and isinstance(added[0], Refusal) and _same_refusal(story, added[0]):
        return ()
    return added


def _not_before(command: Command, last: datetime | None) -> Command:
    """Keep a story's time from running backwards when two of our clocks differ a little."""
    if last is None or command.at >= last:
        return command
    return command.model_copy(update={"at": last})


def _sealed(page: Page, added: Sequence[Event]) -> tuple[Sealed, ...]:
    return seal(
        page.tenant,
        page.stream,
        (page.version, page.link),
        (event.model_dump(mode="json") for event in added),
    )


def _contributions(command: Command) -> tuple[Contribution, ...]:
    if not isinstance(command, Ask):
        return ()
    live = (
        command.decision.effective is not Verdict.BLOCK
    )  # a pending hold counts, a block does not
    return tuple(
        Contribution(key=key, amount=amount, live=live)
        for key, amount in command.decision.contributes.items()
    )


def _guards(command: Command) -> dict[str, int]:
    if not isinstance(command, Ask):
        return {}
    read = {*command.decision.counters_read}
    counters = command.decision.facts.counters.values()
    return {count.key: count.version for count in counters if count.key in read}


def _releases(state: State) -> bool:
    """Say whether an action that counted towards limits turned out not to run."""
    return (
        isinstance(state, Closed)
        and state.disposition is not Disposition.BLOCKED
        and state.outcome in {Outcome.NOT_RUN, Outcome.LAPSED}
    )
