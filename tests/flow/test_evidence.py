"""Evidence taken along from a real stack, and checked by the verifier in a process of its own."""

import asyncio
import base64
import json
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from counterseal.cli import main
from entrypoints.packager import VERIFIER
from entrypoints.settings import DECISION_QUEUE
from entrypoints.stack import Stack
from entrypoints.temporal import connect
from tests.support.discreet import Discreet
from tests.support.stack import Caller, Cast, troupe
from workflows.totals import Totals

Json = dict[str, Any]
EVER = "2020-01-01T00:00:00Z"
NOBODY = "act_" + "0" * 32


class Desk:
    """Takes evidence along, and has it checked as an auditor would."""

    def __init__(self, cast: Cast, folder: Path) -> None:
        self.cast = cast
        self.folder = folder

    def take(self, who: Caller, scope: Json, **how: Any) -> bytes:
        """Take a package."""
        asked = {"scope": scope, "purpose": "audit 14", **how}
        answer = who.http.post("/v1/evidence", json=asked)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/zip"
        return answer.content

    def actions(self, *ids: str, who: Caller | None = None, **how: Any) -> bytes:
        return self.take(who or self.cast.auditor, {"kind": "actions", "action_ids": [*ids]}, **how)

    def period(self, since: str = EVER, **how: Any) -> bytes:
        filters = how.pop("filters", {})
        scope = {"kind": "period", "since": since, "filters": filters}
        return self.take(self.cast.auditor, scope, **how)

    def check(self, package: bytes, who: Caller | None = None, since: str | None = None) -> Json:
        """Verify a package; everything in it must be right."""
        auditor = who or self.cast.auditor
        named = self.folder / uuid.uuid4().hex
        files = {"zip": package, "trust": auditor.http.get("/v1/evidence/trust").content}
        if since is not None:
            files["since"] = since.encode()
        for name, content in files.items():
            named.with_suffix(f".{name}").write_bytes(content)
        command = [
            *(sys.executable, "-I", "-S", str(VERIFIER), str(named.with_suffix(".zip"))),
            *("--trust", str(named.with_suffix(".trust")), "--json"),
        ]
        if since is not None:
            command += ["--since", str(named.with_suffix(".since"))]
        ran = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own verifier
        told: Json = json.loads(ran.stdout)
        assert [each for each in told["checks"] if not each["ok"]] == []
        assert ran.returncode == 0
        return told

    def good(self, package: bytes, **how: Any) -> Json:
        """Verify a package and give its statement."""
        self.check(package, **how)
        return statement(package)


def files(package: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(package)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def statement(package: bytes) -> Json:
    envelope = json.loads(files(package)["statement.dsse.json"])
    told: Json = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    return told


def events(package: bytes) -> list[Json]:
    return [json.loads(line) for line in files(package)["events.jsonl"].splitlines()]


def bodies(package: bytes, stream: str) -> list[Json]:
    shown = [json.loads(each["canonical"]) for each in events(package) if "canonical" in each]
    return [each["event"] for each in shown if each["stream"] == stream]


@pytest.fixture(scope="module", name="cast")
def own_cast(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with troupe(stack, "evidence", Path(tmp_path_factory.mktemp("keys")) / "keys.json") as cast:
        yield cast


@pytest.fixture(scope="module")
def desk(cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(cast, Path(tmp_path_factory.mktemp("packages")))


def ask(cast: Cast, amount: int, **more: Any) -> Json:
    more = {"order_id": "o-1", "memo": uuid.uuid4().hex, **more}
    arguments = {"amount": amount, "customer": uuid.uuid4().hex, **more}
    told: Json = cast.agent.propose("refund_order", arguments=arguments).json()
    return told


def ran(cast: Cast) -> str:
    action = ask(cast, 20)
    used = cast.agent.redeem(action).json()
    assert cast.agent.report(action, used["redemption_id"]).status_code == 200
    return str(action["action_id"])


def approved(cast: Cast) -> str:
    action = ask(cast, 500)
    for person in ("ada", "grace"):
        assert cast.approvers[person].vote(action).json()["counted"]
    granted = cast.agent.read(action["action_id"], wait=5).json()
    used = cast.agent.redeem(granted).json()
    assert cast.agent.report(granted, used["redemption_id"]).status_code == 200
    return str(action["action_id"])


def denied(cast: Cast) -> str:
    action = ask(cast, 500)
    cast.approvers["ada"].vote(action, approve=False)
    assert cast.agent.read(action["action_id"], wait=5).json()["disposition"] == "DENIED"
    return str(action["action_id"])


def cancelled(cast: Cast) -> str:
    action = ask(cast, 500)
    body = {"request_id": uuid.uuid4().hex, "reason": "changed our mind"}
    cast.agent.http.post(f"/v1/actions/{action['action_id']}/withdrawal", json=body)
    return str(action["action_id"])


def blocked(cast: Cast) -> str:
    return str(ask(cast, 90_000)["action_id"])


def still_held(cast: Cast) -> str:
    return str(ask(cast, 500)["action_id"])


def refused_late(cast: Cast) -> str:
    """Have an action end, and somebody try again."""
    action = ask(cast, 20)
    used = cast.agent.redeem(action).json()
    cast.agent.report(action, used["redemption_id"])
    assert cast.agent.redeem(action).status_code == 409
    return str(action["action_id"])


WAYS = (ran, approved, denied, cancelled, blocked, still_held, refused_late)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_an_action_can_go_is_proven(
    cast: Cast, desk: Desk, way: Callable[[Cast], str]
) -> None:
    action = way(cast)
    package = desk.actions(action)
    said = desk.good(package)
    ends = bodies(package, action)[-1]["kind"] == "action.closed"
    assert said["streams"][action]["state"] == ("closed" if ends else "open")
    assert (way is still_held) == (not ends)
    assert [*files(package)] == sorted(files(package))
    assert files(package)["verify.py"] == VERIFIER.read_bytes()


@pytest.mark.parametrize("profile", ["full", "without-arguments", "counts"])
def test_each_profile_shows_no_more_than_it_says(cast: Cast, desk: Desk, profile: str) -> None:
    action = approved(cast)
    package = desk.actions(action, profile=profile)
    said = desk.good(package)
    kinds = {each["kind"] for each in bodies(package, action)}
    assert ("action.requested" in kinds) == (profile == "full")
    assert ("vote.counted" in kinds) == (profile != "counts")
    assert (said["withheld"] > 0) == (profile != "full")
    # No rule has read this argument, so no decision repeats it.
    asked = cast.auditor.http.get(f"/v1/actions/{action}").json()["action"]["arguments"]
    told = {name for name, text in files(package).items() if asked["memo"].encode() in text}
    assert told == ({"events.jsonl", "timeline.html"} if profile == "full" else set())


def test_a_query_takes_what_the_list_shows(cast: Cast, desk: Desk) -> None:
    session = uuid.uuid4().hex
    wanted = [
        cast.agent.propose("get_order", session=session, arguments={}).json()["action_id"]
        for _ in range(3)
    ]
    scope = {"kind": "query", "filters": {"session": session, "tool": "get_order"}}
    said = desk.good(desk.take(cast.auditor, scope))
    assert said["scope"] == {
        "kind": "actions",
        "action_ids": sorted(wanted),
        "filters": {"session": session, "tool": "get_order"},
    }


@pytest.mark.parametrize("profile", ["full", "without-arguments", "counts"])
@pytest.mark.parametrize("filters", [{}, {"risk": ["high"]}], ids=["all", "high risk"])
def test_a_period_is_whole(cast: Cast, desk: Desk, profile: str, filters: Json) -> None:
    actions = [denied(cast), blocked(cast)]
    package = desk.period(filters=filters, profile=profile)
    said = desk.good(package)
    assert [each["seq"] for each in events(package)] == [
        *range(said["scope"]["start"], said["scope"]["end"])
    ]
    assert said["export"]["seq"] < said["tree"]["size"]
    if not filters:
        assert {*actions} <= {*said["streams"]}


def test_totals_are_taken_by_schedule(cast: Cast, desk: Desk, stack: Stack) -> None:
    blocked(cast)

    async def count() -> int:
        client = await connect(stack.settings())
        await client.get_schedule_handle("counterseal-totals").describe()
        return await client.execute_workflow(
            Totals.run, id=f"totals-{uuid.uuid4().hex}", task_queue=DECISION_QUEUE
        )

    assert asyncio.run(count()) >= 1
    until = datetime.now(UTC).isoformat()
    scope = {"kind": "period", "since": EVER, "until": until}
    totals = bodies(desk.take(cast.auditor, scope), "ledger")
    assert [each["start"] for each in totals] == [0, *(each["end"] for each in totals[:-1])]


def test_growth_since_what_an_auditor_kept_is_proven(cast: Cast, desk: Desk) -> None:
    kept = cast.auditor.http.get("/v1/log/checkpoint").text
    action = denied(cast)
    desk.check(desk.actions(action, since=kept), since=kept)
    period = desk.take(cast.auditor, {"kind": "period", "since": EVER}, since=kept)
    desk.check(period, since=kept)


def test_who_took_what_and_why_is_on_record(cast: Cast, desk: Desk) -> None:
    action = blocked(cast)
    purpose = f"incident {uuid.uuid4().hex}"
    desk.actions(action, purpose=purpose, who=cast.operator)
    package = desk.period()
    (record,) = [each for each in bodies(package, "exports") if each["purpose"] == purpose]
    assert (record["role"], record["profile"]) == ("operator", "full")
    assert record["scope"]["action_ids"] == [action]


def test_taking_the_same_again_tells_the_same(cast: Cast, desk: Desk) -> None:
    action = denied(cast)
    with ThreadPoolExecutor(4) as pool:
        packages = [*pool.map(lambda _: desk.actions(action), range(4))]
    told = {json.dumps(bodies(each, action)) for each in packages}
    assert len(told) == 1
    for each in packages:
        desk.check(each)


def test_evidence_is_taken_while_others_work(cast: Cast, desk: Desk) -> None:
    actions = [denied(cast) for _ in range(2)]
    with ThreadPoolExecutor(3) as pool:
        working = [pool.submit(blocked, cast) for _ in range(6)]
        packages = [desk.actions(*actions), desk.period()]
        for each in working:
            each.result()
    for package in packages:
        desk.check(package)


def test_nobody_takes_what_is_not_theirs(cast: Cast, desk: Desk, stack: Stack) -> None:
    action = blocked(cast)
    body = {"scope": {"kind": "actions", "action_ids": [action]}, "purpose": "curious"}
    for who in (cast.agent, cast.approvers["ada"]):
        answer = who.http.post("/v1/evidence", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "role-forbids")
        assert who.http.get("/v1/evidence/trust").status_code == 403
    assert stack.keys is not None
    stranger = cast.caller(stack.keys.auditor)  # of another tenant
    for asked in (body, {**body, "scope": {"kind": "actions", "action_ids": [NOBODY]}}):
        answer = stranger.http.post("/v1/evidence", json=asked)
        assert (answer.status_code, answer.json()["code"]) == (404, "no-such-action")
    theirs = desk.take(stranger, {"kind": "period", "since": EVER})
    assert action.encode() not in files(theirs)["events.jsonl"]
    assert desk.good(theirs, who=stranger)["tenant"] == "main"


@pytest.fixture(scope="module")
def discreet(cast: Cast) -> Discreet:
    return Discreet(cast)


def sensitive(discreet: Discreet) -> tuple[str, str]:
    pin = f"canary-{uuid.uuid4().hex}"
    arguments = {"pin": pin, "amount": 12, "open": "yes"}
    told = discreet.agent.propose("wipe", arguments=arguments).json()
    return str(told["action_id"]), pin


def test_only_what_was_asked_for_is_disclosed(desk: Desk, discreet: Discreet) -> None:
    action, pin = sensitive(discreet)
    covered = desk.actions(action, who=discreet.auditor)
    assert pin.encode() not in covered
    package = desk.actions(action, who=discreet.auditor, disclose=["/pin"])
    desk.check(package, who=discreet.auditor)
    (line,) = files(package)["disclosures.jsonl"].splitlines()
    told = json.loads(line)
    assert (told["action"], told["pointer"], told["value"]) == (action, "/pin", pin)
    seen = bodies(package, f"{action}:data")
    assert [(each["kind"], each["pointers"]) for each in seen] == [("data.revealed", ["/pin"])]
    period = desk.take(discreet.auditor, {"kind": "period", "since": EVER})
    (record,) = [each for each in bodies(period, "exports") if each["disclosed"]]
    assert record["disclosed"] == [{"action": action, "pointer": "/pin"}]
    assert pin.encode() not in period


def test_what_was_shredded_is_said_to_be(desk: Desk, discreet: Discreet) -> None:
    action, pin = sensitive(discreet)
    assert discreet.shred(discreet.operator, action).status_code == 200
    package = desk.actions(action, who=discreet.auditor)
    assert desk.good(package, who=discreet.auditor)["shredded"] == [action]
    assert pin.encode() not in package
    answer = discreet.auditor.http.post(
        "/v1/evidence",
        json={
            "scope": {"kind": "actions", "action_ids": [action]},
            "purpose": "too late",
            "disclose": ["/pin"],
        },
    )
    assert answer.json()["code"] == "nothing-to-disclose"


def test_the_command_writes_a_package_once(
    cast: Cast,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COUNTERSEAL_URL", cast.stack.url)
    monkeypatch.setenv("COUNTERSEAL_API_KEY", cast.auditor.key)
    action, wanted = blocked(cast), tmp_path / "one.zip"
    terms = ["--purpose", "audit 14", "-o", str(wanted)]
    assert main(["evidence", "export", "--action", action, *terms, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"] == wanted.stat().st_size
    assert (told["profile"], told["withheld"]) == ("full", 0)
    before = wanted.read_bytes()
    assert main(["evidence", "export", "--action", action, *terms]) == 2
    assert "there already" in capsys.readouterr().err
    assert wanted.read_bytes() == before
    period = ["--since", "1h", "--risk", "high", "--purpose", "week", "-o", str(tmp_path / "p.zip")]
    assert main(["evidence", "export", *period]) == 0
    assert "python counterseal_verify.py" in capsys.readouterr().out
    assert main(["evidence", "trust"]) == 0
    assert "\nlog counterseal.local/evidence+" in capsys.readouterr().out
    query = ["--query", "session=nobody-has-it", "--purpose", "x", "-o", str(tmp_path / "q.zip")]
    assert main(["evidence", "export", *query]) == 1
    assert not (tmp_path / "q.zip").exists()
