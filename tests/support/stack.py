"""One real stack for a test session: Postgres, Temporal, worker and API as real processes."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from entrypoints.bootstrap import TENANT, Keys, bootstrap
from entrypoints.stack import Stack

Json = dict[str, Any]
TEMPORAL_UI = "http://127.0.0.1:8233"
"""Where Temporal's UI would be; tests only speak as if they came from there."""


class Caller:
    """Speaks HTTP with one key."""

    def __init__(self, url: str, key: str) -> None:
        self.key = key
        self.http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30
        )

    def propose(
        self, tool: str, key: str | None = None, *, wait: int = 0, **body: Any
    ) -> httpx.Response:
        """Propose an action; a new one unless ``key`` says otherwise."""
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        if wait:
            headers["Prefer"] = f"wait={wait}"
        return self.http.post("/v1/actions", json={"tool": tool, **body}, headers=headers)

    def vote(self, held: Json, *, approve: bool = True, **changed: Any) -> httpx.Response:
        """Vote on an answer's action."""
        ballot = {
            "vote_id": uuid.uuid4().hex,
            "approve": approve,
            "reason": "matches the order",
            "digest": held["digest"],
        }
        return self.http.post(f"/v1/actions/{held['action_id']}/votes", json=ballot | changed)

    def redeem(self, granted: Json, **changed: Any) -> httpx.Response:
        """Redeem an answer's grant."""
        body = {
            "redemption_id": uuid.uuid4().hex,
            "grant": (granted.get("grant") or {}).get("token", "none"),
            "digest": granted["digest"],
        }
        return self.http.post(f"/v1/actions/{granted['action_id']}/redemption", json=body | changed)

    def report(self, action: Json, redemption_id: str, **changed: Any) -> httpx.Response:
        """Report success."""
        body = {
            "request_id": uuid.uuid4().hex,
            "redemption_id": redemption_id,
            "digest": action["digest"],
            "outcome": "SUCCEEDED",
        }
        return self.http.post(f"/v1/actions/{action['action_id']}/receipt", json=body | changed)

    def read(self, action_id: str, wait: int = 0) -> httpx.Response:
        """Read an action, waiting for its question to settle if told to."""
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        return self.http.get(f"/v1/actions/{action_id}", headers=headers)

    def story(self, action_id: str) -> Json:
        """Read everything recorded of an action."""
        told: Json = self.http.get(f"/v1/actions/{action_id}/events").json()
        return told

    def kinds(self, action_id: str) -> list[str]:
        """Name an action's events in order."""
        return [event["kind"] for event in self.story(action_id)["events"]]


class Cast:
    """Everyone who plays a part, each with their own key."""

    def __init__(self, stack: Stack, keys: Keys, tenant: str = TENANT) -> None:
        self.stack = stack
        self.keys = keys
        self.tenant = tenant
        self._everyone: list[Caller] = []
        self.agent = self.caller(keys.agent)
        self.auditor = self.caller(keys.auditor)
        self.operator = self.caller(keys.operator)
        self.approvers = {person: self.caller(key) for person, key in keys.approvers.items()}

    def caller(self, key: str) -> Caller:
        """Speak with another key."""
        self._everyone.append(Caller(self.stack.url, key))
        return self._everyone[-1]

    def close(self) -> None:
        """Hang up."""
        for caller in self._everyone:
            caller.http.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start a stack for the whole session and stop it at its end."""
    ui = {"COUNTERSEAL_TEMPORAL_UI_ORIGIN": TEMPORAL_UI}
    running = Stack(Path(tmp_path_factory.mktemp("stack")), environment=ui)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def cast(stack: Stack) -> Iterator[Cast]:
    """Bring everyone on stage."""
    if stack.keys is None:
        raise AssertionError("the stack has not been started")
    everyone = Cast(stack, stack.keys)
    yield everyone
    everyone.close()


@contextmanager
def troupe(stack: Stack, tenant: str, kept: Path) -> Iterator[Cast]:
    """Bring a cast of its own on stage, in a tenant whose limits nobody else uses up."""
    keys = asyncio.run(bootstrap(stack.postgres.dsn, kept, stack.policies, stack.roster, tenant))
    everyone = Cast(stack, keys, tenant)
    yield everyone
    everyone.close()
