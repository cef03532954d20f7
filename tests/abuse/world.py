"""What every abuse test needs: who may not, what was recorded meanwhile, how a refusal looks."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import httpx

from entrypoints.problems import STATUS_OF
from tests.support.stack import Caller, Cast

Json = dict[str, Any]

BUNDLE = """
bundle: hasty
version: "1"
groups: {people: Whoever is asked}
defaults: {route: {groups: [people], timeout: 1h}}
classes:
  - {id: quick, title: Allowed for a moment, tools: [quick], verdict: ALLOW, risk: low,
     grant_ttl: 1s, receipt_ttl: 1h}
  - {id: free, title: Allowed, tools: [free], verdict: ALLOW, risk: low}
  - {id: asked, title: People are asked, tools: [asked], verdict: STEP_UP, risk: high}
rules: []
"""
LEAKS = ("Traceback", 'File "', "asyncpg", "pydantic", "site-packages", "sqlalchemy")
NOBODY = "act_" + "0" * 32


class World:
    """The cast, a rival agent beside the first one, and a second tenant with its own people."""

    def __init__(self, cast: Cast, dsn: str) -> None:
        self.cast = cast
        self.agent, self.operator, self.auditor = cast.agent, cast.operator, cast.auditor
        self.ada, self.grace = cast.approvers["ada"], cast.approvers["grace"]
        self._loop = asyncio.new_event_loop()
        self._db = self._loop.run_until_complete(asyncpg.connect(dsn))
        self.rival = self.with_key("agent", "rival-agent")
        made = self.operator.http.post("/v1/rehearsals", json={"files": {"bundle.yaml": BUNDLE}})
        elsewhere = made.json()
        self.elsewhere: str = elsewhere["tenant"]
        self.stranger = cast.caller(elsewhere["agent_key"])
        self.strange_auditor = cast.caller(elsewhere["auditor_key"])
        self.strange_operator = cast.caller(elsewhere["operator_key"])
        key = self.strange_operator.http.post(
            "/v1/keys", json={"role": "approver", "subject": "people-1"}
        ).json()
        self.strange_approver = cast.caller(key["secret"])

    def close(self) -> None:
        self._loop.run_until_complete(self._db.close())
        self._loop.close()

    def with_key(self, role: str, subject: str) -> Caller:
        """Hand out one more key of the first tenant."""
        body = {"role": role, "subject": subject}
        return self.cast.caller(self.operator.http.post("/v1/keys", json=body).json()["secret"])

    def kinds_since(self, seq: int, tenant: str) -> list[str]:
        sql = "SELECT kind FROM ledger.event WHERE tenant = $1 AND seq >= $2 ORDER BY seq"
        rows = self._loop.run_until_complete(self._db.fetch(sql, tenant, seq))
        return [row["kind"] for row in rows]

    def seq(self, tenant: str | None = None) -> int:
        sql = "SELECT next_seq FROM ledger.tenant_head WHERE tenant = $1"
        named = tenant or self.cast.tenant
        return int(self._loop.run_until_complete(self._db.fetchval(sql, named)))

    @contextmanager
    def adding(self, *kinds: str, tenant: str | None = None) -> Iterator[None]:
        """Hold the block to recording exactly these events in the tenant's log."""
        tenant = tenant or self.cast.tenant
        before = self.seq(tenant)
        yield
        assert self.kinds_since(before, tenant) == [*kinds]

    def held(self, **changed: Any) -> Json:
        """Propose something that people are asked about."""
        arguments = {"amount": 500, "customer": uuid.uuid4().hex, "order_id": "o-1"}
        answer = self.agent.propose("refund_order", arguments=arguments | changed)
        assert answer.status_code == 202, answer.text
        told: Json = answer.json()
        assert told["phase"] == "HELD"
        return told

    def granted(self, **changed: Any) -> Json:
        """Propose something that is allowed."""
        answer = self.agent.propose("get_order", arguments=changed)
        told: Json = answer.json()
        assert told["phase"] == "GRANTED", told
        return told

    def redeemed(self, **changed: Any) -> tuple[Json, str]:
        """Have something allowed, and redeem it."""
        granted = self.granted()
        used = self.agent.redeem(granted, **changed)
        assert used.status_code == 200, used.text
        return granted, used.json()["redemption_id"]


def declined(answer: httpx.Response, code: str, *secrets: str) -> Json:
    """Hold an answer to being a proper refusal with this code."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:300]
    told: Json = answer.json()
    assert told["code"] == code, told
    assert told["status"] == answer.status_code == STATUS_OF[code]
    assert told["type"] == f"urn:counterseal:problem:{code}"
    assert told["detail"]
    for leak in (*LEAKS, *secrets):
        assert leak not in answer.text
    return told


def fresh() -> str:
    """Draw an ID."""
    return uuid.uuid4().hex
