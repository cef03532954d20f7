"""Ends the retention of sensitive values: of closed actions, and of proposals that became none."""

from temporalio import activity

from activities.custody import Custody
from activities.orders import END_RETENTION, Retained, Retention
from activities.recorder import Recorder
from domain.custody import retention_ended, shred_flaw
from domain.ports import Unavailable
from domain.states import Closed
from domain.vault import Expired, Secrets

BATCH = 200
OURSELVES = "counterseal"


class RetentionActivities:
    """Touches what is kept of sensitive values. Safe to repeat: what is gone is not found again."""

    def __init__(self, recorder: Recorder, custody: Custody, secrets: Secrets) -> None:
        self._recorder = recorder
        self._custody = custody
        self._secrets = secrets

    @activity.defn(name=END_RETENTION)
    async def end(self, order: Retention) -> Retained:
        """Shred one batch, each in its own transaction, and forget another."""
        due = await self._secrets.expired(order.at, BATCH)
        shredded = 0
        for each in due:
            activity.heartbeat()
            try:
                shredded += await self._shred(each, order)
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001 - one story must not keep all others from ending
                activity.logger.exception("retention passed over %s", each.action_id)
        forgotten = await self._secrets.forget(order.at, BATCH)
        more = BATCH in (shredded, forgotten)
        return Retained(shredded=shredded, forgotten=forgotten, more=more)

    async def _shred(self, expired: Expired, order: Retention) -> bool:
        page = await self._recorder.read(expired.tenant, expired.action_id)
        if not isinstance(page.state, Closed) or shred_flaw(page.state) is not None:
            return False
        because = retention_ended(expired.keep_for, page.state.decision.action_class)
        await self._custody.shred(page, order.at, OURSELVES, because)
        return True
