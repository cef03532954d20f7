"""One log being sealed: followed to its head, signed, remembered, published. In this order.

An event is hashed before it is signed, and what is signed is written to the signer's own state
before anybody can see it. So a crash leaves at worst a checkpoint that was signed and not
published; it is published once the signer is back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from adapters.postgres.sealing import PostgresSealing, Published
from adapters.signer_state import SignerState
from adapters.signing_keys import SigningKey
from counterseal.core.tlog.checkpoint import Checkpoint, origin_of, parse_checkpoint, tenant_of
from counterseal.core.tlog.note import BadNote, Note, Signature, SignatureType, VerifierKey
from counterseal.core.tlog.tree import Frontier
from domain.sealing import Head, NotSealed, Reason, Sealed, arrive, follow, has_moved

STEP = 4096
"""Events that one log may take up before others have a turn."""

log = structlog.get_logger()

Offer = Callable[[str, Checkpoint, Note], None]
"""Told of every checkpoint that was published: the tenant, and what was signed."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What sealing a log takes. ``server`` is the origin that all its logs have in common."""

    sealing: PostgresSealing
    state: SignerState
    keys: Sequence[SigningKey]
    server: str
    offer: Offer

    def tenants(self) -> set[str]:
        """Name the tenants whose logs were ever signed."""
        known = (tenant_of(self.server, origin) for origin in self.state.origins())
        return {tenant for tenant in known if tenant is not None}


class LogSealer:
    """Seals the log of one tenant; not for two callers at once."""

    def __init__(self, tenant: str, desk: Desk) -> None:
        self.tenant = tenant
        self.origin = origin_of(desk.server, tenant)
        self._desk = desk
        self._sealed = Sealed()
        self._tree = Frontier()  # further than what is sealed while many events are followed
        self._has_begun = False
        self._is_published = False

    @property
    def size(self) -> int:
        """How many events are sealed, as far as is known."""
        return self._sealed.size

    @property
    def is_settled(self) -> bool:
        """Say whether what was signed last is known, and published."""
        return self._has_begun and self._is_published

    def has_moved(self, head: Head) -> bool:
        """Say whether there is something to seal. Raises ``NotSealed``."""
        return has_moved(self._sealed, head)

    async def seal(self, head: Head, pause: Callable[[], Awaitable[None]]) -> None:
        """Bring the log's seal to ``head``, giving others a turn at every ``pause``.

        Raises ``NotSealed``; ``Unavailable``, ``SigningFailed`` or ``OSError`` if it is worth
        trying again.
        """
        try:
            if not self._has_begun:
                await self._begin(pause)
            if self.has_moved(head):
                await self._follow(head, pause)
                await self._sign(head)
            elif not self._is_published:
                await self._publish()
        except NotSealed:
            self._tree = self._sealed.start()
            raise

    async def _begin(self, pause: Callable[[], Awaitable[None]]) -> None:
        """Take up what was signed last, as our own state has it or as it was published."""
        kept = await asyncio.to_thread(self._desk.state.read, self.origin)
        sealed = kept or Sealed()
        self._sealed, self._tree = sealed, sealed.start()
        self._is_published = not sealed.note
        published = await self._last_of_ours(sealed.size)
        if published is not None:
            # Our own state was lost, or restored from a backup: what we published still binds us.
            await self._follow(published.head, pause)
            await self._keep(published.note)
        elif kept is None:
            log.warning("signer.begins", origin=self.origin)
        self._has_begun = True

    async def _last_of_ours(self, size: int) -> Published | None:
        """Find the largest checkpoint beyond ``size`` that we signed, whatever stands above it."""
        below = 2**62
        while rows := await self._desk.sealing.published(self.tenant, self.origin, below):
            for row in rows:
                if row.head.size <= size:
                    return None
                if self._is_ours(row):
                    return row
            below = rows[-1].head.size
        return None

    async def _follow(self, head: Head, pause: Callable[[], Awaitable[None]]) -> None:
        while self._tree.size < head.size:
            start, end = self._tree.size, min(self._tree.size + STEP, head.size)
            follow(self._tree, await self._desk.sealing.leaves(self.tenant, start, end))
            await pause()
        arrive(self._tree, head)

    async def _sign(self, head: Head) -> None:
        text = Checkpoint(self.origin, head.size, head.root).text
        lines = [await asyncio.to_thread(self._line, key, text) for key in self._desk.keys]
        await self._keep(str(Note(text, tuple(lines))))
        await self._publish()

    async def _keep(self, note: str) -> None:
        """Record, then act: from here on nothing else can be signed."""
        tree = self._tree
        sealed = Sealed(tree.size, tree.root(), tuple(tree.nodes), note)
        await asyncio.to_thread(self._desk.state.write, self.origin, sealed)
        self._sealed, self._is_published = sealed, False

    async def _publish(self) -> None:
        sealed = self._sealed
        head = Head(sealed.size, sealed.root)
        refused = await self._desk.sealing.publish(self.tenant, head, sealed.note, witnessed=False)
        if refused is not None:
            raise NotSealed(
                Reason.PUBLISHED_OTHERWISE,
                f"the checkpoint of {sealed.size} events cannot be published: {refused}.",
            )
        self._is_published = True
        self._desk.offer(self.tenant, *parse_checkpoint(sealed.note))

    def _line(self, key: SigningKey, text: str) -> Signature:
        name = self._verifier(key)
        return Signature(name.name, name.id, key.sign(text.encode()))

    def _is_ours(self, published: Published) -> bool:
        """Say whether a checkpoint is this log's, under a key of ours: nothing else binds us."""
        try:
            checkpoint, note = parse_checkpoint(published.note)
            signed = note.signed_by(self._verifier(key) for key in self._desk.keys)
        except BadNote:
            return False
        said = Head(checkpoint.size, checkpoint.root)
        return bool(signed) and (checkpoint.origin, said) == (self.origin, published.head)

    def _verifier(self, key: SigningKey) -> VerifierKey:
        return VerifierKey(self.origin, SignatureType.ED25519, key.public)
