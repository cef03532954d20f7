"""Whole lives of actions with planted secrets; then every store is searched for them."""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from temporalio.client import Client

from adapters.payload_keys import PayloadKeys
from adapters.temporal_codec import EncryptingCodec
from counterseal.errors import Blocked, CountersealError
from entrypoints.stack import Stack
from tests.abuse.world import fresh
from tests.support.discreet import NUMBER, WORD, Discreet, every_value, planted_word, secrets
from tests.support.payloads import payloads_in
from tests.support.stack import Cast

Json = dict[str, Any]
PATIENCE = 15


class Lives:
    """What was planted, and everything that any caller but the agent was told."""

    def __init__(self, discreet: Discreet) -> None:
        self.discreet = discreet
        self.planted: list[Json] = []
        self.told: list[str] = []

    def plant(self) -> Json:
        self.planted.append(secrets())
        return self.planted[-1]

    def hear(self, answer: Any) -> Any:
        self.told.append(answer.text)
        return answer

    def refused(self, tool: str, arguments: Json, key: str | None = None, **rest: Any) -> None:
        """Be told in public why something is refused."""
        answer = self.discreet.agent.propose(tool, key, arguments=arguments, **rest)
        assert answer.status_code >= 400, answer.text
        self.hear(answer)

    def look_around(self, action: str) -> None:
        path = f"/v1/actions/{action}"
        for who in (self.discreet.approver, self.discreet.auditor, self.discreet.operator):
            for below in ("", "/events"):
                self.hear(who.http.get(path + below))
        self.hear(self.discreet.reveal(self.discreet.outsider, action))

    def allowed(self) -> None:
        granted = self.discreet.agent.propose("free", arguments=self.plant()).json()
        self.hear(self.discreet.agent.redeem(granted, grant="x" * 40))
        self.hear(self.discreet.agent.redeem(granted, digest="sha256:" + "0" * 64))
        used = self.hear(self.discreet.agent.redeem(granted)).json()
        self.discreet.agent.report(granted, used["redemption_id"], outcome="FAILED")
        self.look_around(granted["action_id"])

    def answered(self, *, approve: bool) -> None:
        key = fresh()
        arguments = self.plant()
        held = self.discreet.agent.propose("asked", key, arguments=arguments).json()
        self.hear(self.discreet.outsider.vote(held))
        self.hear(self.discreet.approver.vote(held, digest="sha256:" + "0" * 64))
        self.discreet.reveal(self.discreet.approver, held["action_id"], why="to decide")
        self.refused("asked", self.plant(), key)
        self.hear(self.discreet.approver.vote(held, approve=approve))
        self.look_around(held["action_id"])

    def judged(self) -> None:
        odd: tuple[Json, ...] = (
            {},
            {"pin": "1"},
            {"amount": planted_word()},
            {"notes": [[planted_word()]]},
        )
        for change in odd:
            self.planted.append(self.plant() | change)
            told = self.discreet.agent.propose("ruled", arguments=self.planted[-1]).json()
            self.look_around(told["action_id"])

    def ended(self) -> None:
        expired = self.discreet.agent.propose("hasty", arguments=self.plant()).json()
        blocked = self.discreet.agent.propose("wipe", arguments=self.plant()).json()
        told = self.discreet.agent.read(expired["action_id"], wait=PATIENCE).json()
        assert told["disposition"] == "EXPIRED"
        for each in (expired, blocked):
            self.look_around(each["action_id"])
            self.hear(self.discreet.shred(self.discreet.operator, each["action_id"]))
            self.look_around(each["action_id"])

    def botched(self) -> None:
        arguments = self.plant()
        self.refused("free", {**arguments, "$committed": "x"})
        self.refused("free", {**arguments, "notes": [fresh()] * 5000})
        self.refused("free", {**arguments, "x": [[] for _ in range(5000)], "y": "z" * 300_000})
        self.refused("no such tool", arguments)
        self.refused("free", arguments, unknown="field")
        self.refused("free", arguments, session="no session")
        text = json.dumps({"tool": "free", "arguments": arguments})
        for content in (text[:-1], text[:-2] + ',"pin":1}}', text[:-2] + ',"a":NaN}}'):
            headers = {"Idempotency-Key": fresh()}
            self.hear(
                self.discreet.agent.http.post("/v1/actions", content=content, headers=headers)
            )

    def through_the_sdk(self) -> None:
        arguments = self.plant()
        with self.discreet.sdk() as agent:

            @agent.guarded("free")
            def fails(**given: Any) -> None:
                assert given == arguments
                raise RuntimeError("it broke")

            with pytest.raises(RuntimeError):
                fails(**arguments)
            with pytest.raises(Blocked) as blocked:
                agent.redeem(agent.propose("wipe", self.plant()))
            held = agent.propose("asked", self.plant())
            self.told += [str(blocked.value), repr(held), repr(agent.resume(held.handle))]
            try:
                agent.propose("asked", self.plant(), key="not a key")
            except CountersealError as error:
                self.told.append(str(error))


@pytest.fixture(scope="module")
def lives(cast: Cast) -> Lives:
    everything = Lives(Discreet(cast))
    everything.allowed()
    everything.answered(approve=True)
    everything.answered(approve=False)
    everything.judged()
    everything.ended()
    everything.botched()
    everything.through_the_sdk()
    assert len(everything.planted) > 15
    return everything


@pytest.fixture(scope="module")
def needles(lives: Lives) -> dict[bytes, str]:
    """Spell every planted value in every way it might be found, by what it is."""
    sensitive = [
        value
        for arguments in lives.planted
        for name, below in arguments.items()
        if name != "open"
        for value in every_value(below)
        if value != "Ada" and len(str(value)) > 8
    ]
    assert len(sensitive) > 100
    return {spelling: str(value)[:24] for value in sensitive for spelling in _spellings(str(value))}


def _spellings(value: str) -> Iterator[bytes]:
    raw = value.encode()[:40]  # enough to know it by, however it goes on
    yield raw
    yield json.dumps(value).encode()[1:40]
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for shift in range(3):  # base64 of it, wherever in a text it stands
        whole = base64.b64encode(b"x" * shift + raw)
        sure = whole[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        yield sure
        yield sure.replace(b"+", b"-").replace(b"/", b"_")


MARKS = frozenset(spelling for mark in (WORD, NUMBER) for spelling in _spellings(mark))


def found_in(haystack: bytes, needles: dict[bytes, str]) -> set[str]:
    if not any(mark in haystack for mark in MARKS):
        return set()
    return {value for spelling, value in needles.items() if spelling in haystack}


def test_the_search_finds_what_there_is_to_find(lives: Lives, needles: dict[bytes, str]) -> None:
    pin = str(lives.planted[0]["pin"])
    texts = [pin, json.dumps(lives.planted[0]), base64.b64encode(f"??{pin}".encode()).decode()]
    texts += [pin.encode().hex(), repr(lives.planted[0])]
    assert all(pin[:24] in found_in(text.encode(), needles) for text in texts)


def test_nobody_but_the_agent_was_told(lives: Lives, needles: dict[bytes, str]) -> None:
    assert len(lives.told) > 100
    assert [text[:200] for text in lives.told if found_in(text.encode(), needles)] == []


def test_no_table_has_them(lives: Lives, needles: dict[bytes, str]) -> None:
    stack = lives.discreet.cast.stack
    for name, text in asyncio.run(_tables(stack.postgres.admin_dsn)).items():
        assert (name, found_in(text, needles)) == (name, set())


async def _tables(dsn: str) -> dict[str, bytes]:
    db = await asyncpg.connect(dsn)
    try:
        tables = await db.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information)'"
        )
        assert len(tables) > 10
        found = {}
        for schema, table in tables:
            named = f'"{schema}"."{table}"'
            rows = await db.fetch(f"SELECT row::text AS text FROM {named} AS row")  # noqa: S608 - ours
            found[named] = "\n".join(row["text"] for row in rows).encode()
        assert len(found['"ledger"."secret"']) > 1000
        return found
    finally:
        await db.close()


def test_no_workflow_was_told_even_in_what_only_we_can_read(
    lives: Lives, needles: dict[bytes, str]
) -> None:
    histories = asyncio.run(_histories(lives.discreet))
    assert len(histories) > 10
    assert sum(map(len, histories.values())) > 10_000
    for name, text in histories.items():
        assert (name, found_in(text, needles)) == (name, set())


async def _histories(discreet: Discreet) -> dict[str, bytes]:
    """Read every workflow of the tenant: its history decrypted, and all that lists show."""
    stack = discreet.cast.stack
    client = await Client.connect(stack.temporal_address)
    codec = EncryptingCodec(PayloadKeys(stack.payload_keys), discreet.tenant)
    found: dict[str, bytes] = {}
    async for each in client.list_workflows(f"WorkflowId STARTS_WITH '{discreet.tenant}/'"):
        history = await client.get_workflow_handle(each.id, run_id=each.run_id).fetch_history()
        told = [str(each.raw_info).encode()]
        for event in history.events:
            told.append(event.SerializeToString())
            told += [clear.data for clear in await codec.decode([*payloads_in(event)])]
        found[f"{each.id}/{each.run_id}"] = b"\n".join(told)
    return found


def test_no_file_has_them(lives: Lives, needles: dict[bytes, str]) -> None:
    searched = set()
    for path, written in _files(lives.discreet.cast.stack):
        assert (path.name, found_in(written, needles)) == (path.name, set())
        searched.add(path.name)
    assert {"api.log", "worker.log", "temporal.db"} <= searched


def _files(stack: Stack) -> Iterator[tuple[Path, bytes]]:
    """Read everything the stack keeps, down to the files of Postgres, its journal included."""
    for path in sorted(stack.data.rglob("*")):
        try:
            if path.is_file():
                yield path, path.read_bytes()
        except OSError:  # a file that lived shortly, or one that Postgres' own user has to itself
            continue


def test_no_metric_and_no_health_check_has_them(lives: Lives, needles: dict[bytes, str]) -> None:
    for path in ("/metrics", "/readyz", "/healthz", "/openapi.json"):
        text = lives.discreet.agent.http.get(path).text
        assert found_in(text.encode(), needles) == set()
