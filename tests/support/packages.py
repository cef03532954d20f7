"""Makes evidence packages by hand, good ones and every kind of bad one.

Written against ``docs/package.md`` alone: neither the packer nor the verifier is used, and the
tree is the textbook's recursion. ``Draft`` is a package before it is signed, so that an attack by
whoever holds the packager's key is one change to it; an attack by whoever holds the log is one
change to the story before it is recorded.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rfc8785

from counterseal.core.canonical import canonical, digest_bytes
from counterseal.core.words import Verdict
from domain.lifecycle import decide, replay
from tests.support import stories
from tests.support.notary import (
    BRIEF_TRUST,
    LOG,
    ORIGIN,
    PACKAGER,
    TRUST,
    WITNESSED_AT,
    WITNESSES,
    Log,
    Signer,
    b64,
    b64url,
    covering,
    growth,
    path,
    sha,
    signer,
    tree,
    unb64,
)

__all__ = [
    "BRIEF_TRUST",
    "LOG",
    "ORIGIN",
    "PACKAGER",
    "TRUST",
    "WITNESSED_AT",
    "WITNESSES",
    "Log",
    "Signer",
    "b64",
    "b64url",
    "covering",
    "growth",
    "path",
    "sha",
    "signer",
    "tree",
    "unb64",
]
"""What a desk has besides packages, so that a test needs one name for all of it."""

Event = dict[str, Any]
ACTION = stories.ACTION.id

BUNDLE: Event = {"name": "acme-payments", "version": "7", "rules": [], "stage": "enforce"}
BUNDLE_DIGEST = digest_bytes("counterseal/bundle/v1", canonical(BUNDLE))
PEOPLE = [
    {"id": "ada", "name": "Ada", "aliases": ["ada@home"], "groups": ["treasury"]},
    {"id": "grace", "name": "Grace", "aliases": [], "groups": ["treasury", "security"]},
    {"id": "ken", "name": "Ken", "aliases": [], "groups": ["security", "chiefs"]},
    {"id": "olga", "name": "Olga", "aliases": ["olga@home"], "groups": ["treasury"]},
    {"id": "paul", "name": "Paul", "aliases": ["paul@home"], "groups": ["treasury"]},
    {"id": "mallory", "name": "M.", "aliases": [], "groups": ["interns"]},
]


def moment(seconds: float) -> str:
    return stories.at(seconds).isoformat(timespec="microseconds").replace("+00:00", "Z")


def roster(people: Sequence[Event] = PEOPLE, seconds: float = -50) -> Event:
    body = {"people": [*people], "agents": []}
    return {"kind": "roster.changed", "at": moment(seconds), "roster": body, "by": "op"}


def activation(seconds: float = -40) -> Event:
    return {
        "kind": "bundle.activated",
        "at": moment(seconds),
        "name": "acme-payments",
        "version": "7",
        "digest": BUNDLE_DIGEST,
        "bundle": BUNDLE,
        "by": "op",
        "replaces": None,
    }


def created() -> Event:
    return {"kind": "tenant.created", "at": moment(-60), "tenant": "acme", "by": "op"}


def events_of(story: Iterable[Any]) -> list[Event]:
    """Write a story of the domain as the ledger keeps it, judged by our bundle."""
    found: list[Event] = [dict(each) for each in deepcopy(stories.json_of(story))]
    for event in found:
        if event["kind"] == "decision.reached":
            event["decision"]["bundle"]["digest"] = BUNDLE_DIGEST
    return found


def log_of(story: Sequence[Event], *more: tuple[str, Sequence[Event]], action: str = ACTION) -> Log:
    """Record a story in a small log, with what else there is in a tenant."""
    log = Log()
    log.append("tenant", created())
    log.append("roster", roster())
    log.append("bundles", activation())
    log.append("act_" + "7" * 32, *OTHER)
    log.append(action, *story[:4])
    log.append("keys", {"kind": "key.issued", "at": moment(4), "key_id": "k"})
    log.append(action, *story[4:])
    for stream, events in more:
        log.append(stream, *events)
    log.append("keys", {"kind": "key.revoked", "at": moment(900), "key_id": "k"})
    return log


def _other() -> list[Event]:
    asked = stories.ACTION.model_copy(update={"id": "act_" + "7" * 32})
    ask = stories.ask(stories.decision(Verdict.BLOCK), action=asked)
    return events_of(decide(replay(()), ask))


OTHER = _other()


@dataclass(slots=True)
class Draft:
    """A package before it is signed. Change anything, then ``sealed``."""

    lines: list[dict[str, Any]]
    predicate: dict[str, Any]
    text: str
    files: dict[str, bytes]
    signers: list[Signer] = field(default_factory=lambda: [LOG, *WITNESSES])
    packagers: list[Signer] = field(default_factory=lambda: [PACKAGER])
    payload_type: str = "application/vnd.in-toto+json"
    statement: dict[str, Any] = field(default_factory=dict)
    note: str | None = None
    after_signing: Callable[[dict[str, bytes]], None] | None = None

    def event(self, nth: int) -> Event:
        """Read an event; writing it back is ``put``."""
        found: Event = read(self.lines[nth]["canonical"])
        return found

    def put(self, nth: int, envelope: Event) -> None:
        self.lines[nth]["canonical"] = rfc8785.dumps(envelope).decode()

    def sealed(self) -> bytes:
        """Sign everything and write the archive."""
        files = self.contents()
        files["statement.dsse.json"] = self.envelope(files)
        if self.after_signing:
            self.after_signing(files)
        return archive(files)

    def contents(self) -> dict[str, bytes]:
        """Write everything but the statement."""
        signed = self.text + "\n" + "".join(each.line(self.text) for each in self.signers)
        return {
            "events.jsonl": b"".join(rfc8785.dumps(each) + b"\n" for each in self.lines),
            "checkpoint": (self.note or signed).encode(),
            **self.files,
        }

    def envelope(self, files: Mapping[str, bytes]) -> bytes:
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [
                {"name": name, "digest": {"sha256": sha(files[name]).hex()}}
                for name in sorted(files)
            ],
            "predicateType": "urn:counterseal:evidence-package:v1",
            "predicate": self.predicate,
            **self.statement,
        }
        return envelope(rfc8785.dumps(statement), self.packagers, self.payload_type)


def envelope(payload: bytes, packagers: Sequence[Signer], kind: str) -> bytes:
    """Sign a payload as DSSE does."""
    pae = f"DSSEv1 {len(kind.encode())} {kind} {len(payload)} ".encode() + payload
    return rfc8785.dumps(
        {
            "payload": b64(payload),
            "payloadType": kind,
            "signatures": [
                {"keyid": f"{each.name}+{each.id.hex()}", "sig": b64(each.key.sign(pae))}
                for each in packagers
            ],
        }
    )


def read(text: str) -> Any:
    return json.loads(text)


def archive(files: Mapping[str, bytes]) -> bytes:
    """Write the archive with the standard library's writer."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in sorted(files):
            told = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            told.create_system, told.external_attr = 3, 0o644 << 16
            made.writestr(told, files[name])
    return out.getvalue()


INFORMATIVE = {
    "README.txt": b"Check this with counterseal-verify.\n",
    "keys.txt": TRUST.encode(),
    "timeline.html": b"<!doctype html>\n",
    "verify.py": b"# the verifier\n",
}


def ocsf(lines: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(
        rfc8785.dumps({"class_uid": 6003, "metadata": {"sequence": each["seq"]}}) + b"\n"
        for each in lines
        if "canonical" in each
    )


def draft(
    log: Log,
    *actions: str,
    size: int | None = None,
    profile: str = "full",
    withhold: Callable[[str, int, str], bool] = lambda *_: False,
) -> Draft:
    """Draft the package of some actions, as the packer would."""
    leaves = log.leaves[:size]
    wanted = [
        (seq, entry)
        for seq, entry in enumerate(log.entries[:size])
        if entry[0].partition(":")[0] in actions or entry[0] in ("roster", "bundles")
    ]
    lines = [
        line_of(seq, entry, withhold) | {"proof": [b64(each) for each in path(seq, leaves)]}
        for seq, entry in wanted
    ]
    streams: dict[str, dict[str, Any]] = {}
    for _, (stream, _, text) in wanted:
        told = streams.setdefault(stream, {"count": 0, "state": "open"})
        told["count"] += 1
        if b'"kind":"action.closed"' in text:
            told["state"] = "closed"
        if stream in ("roster", "bundles"):
            told["state"] = "excerpt"
    scope = {"kind": "actions", "action_ids": [*actions], "filters": {}}
    return _draft(log, leaves, lines, scope, streams, profile)


def period(  # noqa: PLR0913 - a builder has as many words as what it builds
    log: Log,
    start: int,
    end: int,
    *,
    filters: Event | None = None,
    withhold: Callable[[str, int, str], bool] = lambda *_: False,
    since: float = 0,
    until: float = 60,
    profile: str = "full",
) -> Draft:
    """Draft the package of a period, as the packer would."""
    leaves = log.leaves
    lines = [line_of(seq, log.entries[seq], withhold) for seq in range(start, end)]
    scope = {
        "kind": "period",
        "since": moment(since),
        "until": moment(until),
        "start": start,
        "end": end,
        "filters": filters or {},
    }
    made = _draft(log, leaves, lines, scope, {}, profile)
    around: Event = {
        "start": start,
        "end": end,
        "left": [b64(tree(leaves[a:b])) for a, b in covering(0, start)],
        "right": [b64(tree(leaves[a:b])) for a, b in covering(end, len(leaves))],
    }
    made.files["range.json"] = rfc8785.dumps(around)
    return made


def line_of(
    seq: int, entry: tuple[str, int, bytes], withhold: Callable[[str, int, str], bool]
) -> dict[str, Any]:
    stream, version, text = entry
    kind = read(text.decode())["event"]["kind"]
    if withhold(stream, version, kind):
        leaf = sha(b"\x00" + text).hex()
        return {"seq": seq, "leaf": leaf, "stream": stream, "version": version}
    return {"seq": seq, "canonical": text.decode()}


def _draft(
    log: Log,
    leaves: list[bytes],
    lines: list[dict[str, Any]],
    scope: Event,
    streams: Event,
    profile: str,
) -> Draft:
    activated = any('"kind":"bundle.activated"' in each.get("canonical", "") for each in lines)
    judged = any('"kind":"decision.reached"' in each.get("canonical", "") for each in lines)
    files = INFORMATIVE | {"ocsf.jsonl": ocsf(lines)}
    if activated or judged:
        files[f"policy/{BUNDLE_DIGEST[7:]}.json"] = canonical(BUNDLE)
    predicate = {
        "log": ORIGIN,
        "tenant": log.tenant,
        "tree": {"size": len(leaves), "root": b64(tree(leaves))},
        "scope": scope,
        "streams": streams,
        "profile": profile,
        "withheld": sum("leaf" in each for each in lines),
        "requested_by": "ann",
        "purpose": "audit 2026",
        "exported_at": moment(1000),
        "export": None,
        "policies": [BUNDLE_DIGEST] if activated or judged else [],
        "shredded": sorted(
            read(each["canonical"])["stream"].partition(":")[0]
            for each in lines
            if '"kind":"data.shredded"' in each.get("canonical", "")
        ),
    }
    return Draft(lines, predicate, log.checkpoint(len(leaves)), files)


def total(log: Log, start: int, seconds: float) -> Event:
    """Count the log from ``start`` to its end."""
    kinds: dict[str, int] = {}
    decisions: dict[str, int] = {}
    closed: dict[str, int] = {}
    for _, _, text in log.entries[start:]:
        event = read(text.decode())["event"]
        kinds[event["kind"]] = kinds.get(event["kind"], 0) + 1
        if event["kind"] == "decision.reached":
            said = event["decision"]
            key = f"{said['action_class'] or '-'}|{said['risk']}|{said['effective']}"
            decisions[key] = decisions.get(key, 0) + 1
        if event["kind"] == "action.closed":
            key = f"{event['disposition']}|{event['outcome']}"
            closed[key] = closed.get(key, 0) + 1
    return {
        "kind": "ledger.sealed",
        "at": moment(seconds),
        "start": start,
        "end": len(log.entries),
        "kinds": kinds,
        "decisions": decisions,
        "closed": closed,
    }


SHOWN = {
    "without-arguments": lambda kind: kind not in ("action.requested", "roster.changed"),
    "counts": lambda kind: (
        kind in ("ledger.sealed", "decision.reached", "action.settled", "action.closed")
    ),
}
PROFILES: dict[str, Callable[[str, int, str], bool]] = {
    "without-arguments": lambda _stream, _version, kind: not SHOWN["without-arguments"](kind),
    "counts": lambda _stream, _version, kind: not SHOWN["counts"](kind),
}

ENDINGS = ("action.settled", "action.closed")
"""What no filter withholds."""

SECOND = "act_" + "2" * 32
THIRD = "act_" + "3" * 32


def renamed(story: Sequence[Event], action: str, after: float = 0) -> list[Event]:
    """Tell the same story of another action, ``after`` seconds later."""
    shift = [(moment(n), moment(n + after)) for n in range(3700, -1, -1)] if after else []
    text = json.dumps([*story]).replace(ACTION, action)
    for old, new in shift:
        text = text.replace(old, new)
    text = text.replace(ACTION[4:], action[4:])
    found: list[Event] = json.loads(text)
    asked = found[0]
    right = digest_bytes("counterseal/action/v1", canonical(asked["action"]))
    for event in found:
        if "digest" in event:
            event["digest"] = right
        if event["kind"] == "decision.reached":
            facts = canonical(event["decision"]["facts"])
            event["decision"]["facts_digest"] = digest_bytes("counterseal/facts/v1", facts)
    return found


def run_story() -> list[Event]:
    """Tell of an action that two approved, and that ran."""
    return events_of(
        stories.Given(stories.held(quorum=2)).story_after(
            stories.vote("ada", aliases=("ada@home",)),
            stories.vote("grace", seconds=20, groups=("treasury", "security")),
            stories.redeem(),
            stories.report(),
        )
    )


EXECUTOR = signer("executor").key


def signed_receipt() -> list[Event]:
    """Tell of an action whose receipt is signed by its executor."""
    public = b64url(EXECUTOR.public_key().public_bytes_raw())
    story = events_of(
        stories.Given(stories.granted()).story_after(
            stories.redeem(executor_key=public), stories.report(signed_by=public)
        )
    )
    return resigned(story)


def resigned(story: list[Event]) -> list[Event]:
    """Sign the receipt in ``story`` as its executor would."""
    for event in story:
        if event["kind"] == "execution.reported":
            names = ("redemption_id", "digest", "outcome", "detail", "result_digest")
            signed = b"counterseal/receipt/v1\n" + canonical({n: event[n] for n in names})
            event["signature"] = b64url(EXECUTOR.sign(signed))
    return story


def refusal(seconds: float = 70) -> Event:
    """Refuse a vote that came after the end."""
    return {
        "kind": "vote.refused",
        "at": moment(seconds),
        "vote_id": "late",
        "person": "ada",
        "approve": True,
        "code": "already-settled",
        "sentence": "too late",
        "digest": stories.DIGEST,
        "channel": "web",
    }


SALT = bytes(range(32))


def commitment(value: Any, salt: bytes = SALT) -> Event:
    return {"$committed": digest_bytes("counterseal/commitment/v1", salt + canonical(value))}


def committed_story() -> list[Event]:
    """Tell a story in which the payee's account is sealed."""
    story = run_story()
    story[0]["action"]["arguments"] |= {
        "to": commitment("DE02120300000000202051"),
        "who": [{"name": commitment("Paula", b"\x01" * 32)}],
    }
    return renamed(story, ACTION)


def revealed(*pointers: str) -> Event:
    """Record that somebody was shown sealed values."""
    told = {"action": ACTION, "by": "ann", "role": "auditor", "pointers": [*pointers]}
    return {"kind": "data.revealed", "at": moment(700), **told}


def shredded(seconds: float = 800) -> Event:
    """Record that an action's sealed values were destroyed."""
    told = {"action": ACTION, "by": "op", "because": "erasure", "pointers": ["/to"]}
    return {"kind": "data.shredded", "at": moment(seconds), **told}


def disclosed_draft() -> Draft:
    """Draft a package with one of two sealed values taken along."""
    made = draft(log_of(committed_story(), (f"{ACTION}:data", [revealed("/to")])), ACTION)
    return with_disclosures(
        made, {"action": ACTION, "pointer": "/to", "salt": b64url(SALT), "value": PAYEE}
    )


PAYEE = "DE02120300000000202051"


def with_disclosures(made: Draft, *told: Event) -> Draft:
    made.files["disclosures.jsonl"] = b"".join(rfc8785.dumps(each) + b"\n" for each in told)
    return made


def period_log() -> Log:
    """Record three actions, with control totals before, between and after them."""
    log = Log()
    log.append("tenant", created())
    log.append("roster", roster())
    log.append("bundles", activation())
    log.append("ledger", total(log, 0, -10))
    start = 3
    log.append(ACTION, *run_story())
    blocked = events_of(
        decide(replay(()), stories.ask(stories.decision(Verdict.BLOCK), seconds=50))
    )
    log.append(SECOND, *renamed(blocked, SECOND))
    log.append("ledger", total(log, start, 100))
    start = len(log.entries) - 1
    log.append(THIRD, *renamed(run_story(), THIRD, 200))
    log.append("keys", {"kind": "key.revoked", "at": moment(250), "key_id": "k"})
    log.append("ledger", total(log, start, 300))
    log.append("keys", {"kind": "key.issued", "at": moment(350), "key_id": "l"})
    return log


def good_period(
    profile: str = "full", withhold: Callable[[str, int, str], bool] = lambda *_: False
) -> Draft:
    log = period_log()
    return period(log, 3, len(log.entries) - 1, until=290, profile=profile, withhold=withhold)


def filtered_period(filters: Event) -> Draft:
    """Draft a period of which only the two approved actions are shown."""
    log = period_log()
    shown = (ACTION, THIRD, "ledger")
    return period(
        log,
        3,
        len(log.entries) - 1,
        until=290,
        filters=filters,
        withhold=lambda stream, _version, kind: stream not in shown and kind not in ENDINGS,
    )


def add_growth(made: Draft, log: Log, old: int) -> None:
    """Add the proof that the log has grown from ``old`` events to what the package has."""
    size = made.predicate["tree"]["size"]
    leaves = log.leaves[:size]
    lines = [f"old {old}", b64(tree(leaves[:old])), *map(b64, growth(old, leaves))]
    made.files["consistency.txt"] = "".join(f"{each}\n" for each in lines).encode()


def listed_codes() -> set[str]:
    """Read the codes that the verifier's page lists."""
    text = (Path(__file__).parents[2] / "verify" / "README.md").read_text("utf-8")
    return set(re.findall(r"^\| `([a-z]+)` \|", text, re.MULTILINE))


def subjects(made: Draft) -> list[dict[str, Any]]:
    """List the files of a draft as its statement would."""
    statement = read(unb64(read(made.envelope(made.contents()).decode())["payload"]).decode())
    found: list[dict[str, Any]] = statement["subject"]
    return found


def resigned_events(files: Mapping[str, bytes], events: bytes) -> dict[str, bytes]:
    """Change the events and sign the statement again."""
    envelope_ = read(files["statement.dsse.json"].decode())
    payload = unb64(envelope_["payload"])
    payload = payload.replace(sha(files["events.jsonl"]).hex().encode(), sha(events).hex().encode())
    signed = envelope(payload, [PACKAGER], envelope_["payloadType"])
    return {"events.jsonl": events, "statement.dsse.json": signed}


def swapped_payload(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Keep the signature, but put another statement above it."""
    told = read(files["statement.dsse.json"].decode())
    payload = unb64(told["payload"]).replace(b"audit 2026", b"audit 2027")
    return {"statement.dsse.json": rfc8785.dumps({**told, "payload": b64(payload)})}


def envelope_with(files: Mapping[str, bytes], **fields: Any) -> dict[str, bytes]:
    """Change fields of the statement's signature; a function is given the old value."""
    told = read(files["statement.dsse.json"].decode())
    for name, value in fields.items():
        old = told["signatures"][0][name]
        told["signatures"][0][name] = value(old) if callable(value) else value
    return {"statement.dsse.json": rfc8785.dumps(told)}
