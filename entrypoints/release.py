"""Evidence before effect: a grant is released once its evidence is as far as its class demands."""

from dataclasses import dataclass

from adapters.postgres.seals import PostgresSeals
from counterseal.core.words import Level, Phase
from domain.standing import Standing
from entrypoints.problems import Declined

GRANT_ISSUED = "grant.issued"


@dataclass(frozen=True, slots=True)
class Release:
    """Compares what policy demands of a grant's evidence with how far the log is sealed."""

    seals: PostgresSeals

    async def awaited(self, now: Standing) -> Level | None:
        """Name the level that a grant waits for; None if nothing is waited for."""
        if now.phase is not Phase.GRANTED or now.evidence is Level.RECORDED:
            return None
        reached = await self.seals.level_of(now.tenant, now.action_id, GRANT_ISSUED)
        return None if reached and reached.rank >= now.evidence.rank else now.evidence

    async def demand(self, now: Standing) -> None:
        """Let nobody use a grant that is not released. Raises ``Declined``; nothing is recorded."""
        if (level := await self.awaited(now)) is not None:
            raise Declined(
                "evidence-not-sealed",
                f"{now.action_id} is granted, but its evidence is not {level} yet; "
                "send the same redemption again in a moment.",
                action_id=now.action_id,
            )
