"""Writes a package: one archive out of everything that was gathered. The same gives the same."""

from collections.abc import Iterator

from counterseal.core.canonical import Json, canonical
from counterseal.core.tlog.note import to_base64
from domain.evidence.archive import pack
from domain.evidence.contents import Contents, streams
from domain.evidence.ocsf import ocsf_lines
from domain.evidence.readme import readme, scope_text
from domain.evidence.statement import PackageKey, envelope, packager, statement
from domain.evidence.story import PackageStory
from domain.evidence.timeline import render_timeline


def write_package(contents: Contents, key: PackageKey, origin: str) -> bytes:
    """Write and sign the archive. Raises ``EvidenceTooLarge``."""
    files = dict(_files(contents))
    payload = statement(files, predicate(contents))
    files["statement.dsse.json"] = envelope(payload, packager(origin, key.public), key)
    return pack(files)


def predicate(contents: Contents) -> dict[str, Json]:
    """Say what the package is, for the statement."""
    taking, tree = contents.taking, contents.tree
    return {
        "log": tree.log,
        "tenant": tree.tenant,
        "tree": {"size": tree.size, "root": to_base64(tree.root)},
        "scope": {**contents.gathered.scope},
        "streams": streams(contents),
        "profile": taking.profile,
        "withheld": contents.gathered.withheld,
        "requested_by": taking.by,
        "purpose": taking.purpose,
        "exported_at": taking.at,
        "export": {"seq": taking.seq},
        "policies": sorted(contents.gathered.policies),
        "shredded": sorted(contents.gathered.shredded),
    }


def story(contents: Contents) -> PackageStory:
    """Tell the contents to people and SIEMs."""
    taking, tree = contents.taking, contents.tree
    return PackageStory(
        log=tree.log,
        tenant=tree.tenant,
        tree_size=tree.size,
        root=to_base64(tree.root),
        level=tree.level,
        witnesses=tree.witnesses,
        exported_at=taking.at,
        requested_by=taking.by,
        purpose=taking.purpose,
        profile=taking.profile,
        scope=scope_text(contents.gathered.scope),
        events=tuple(leaf.told for leaf in contents.gathered.leaves),
        disclosures={
            (action, each.pointer): canonical(each.value).decode()
            for action, each in contents.gathered.disclosed
        },
        shredded=contents.gathered.shredded,
    )


def _files(contents: Contents) -> Iterator[tuple[str, bytes]]:
    told = story(contents)
    yield "README.txt", readme(contents).encode()
    yield "checkpoint", contents.tree.note.encode()
    yield "events.jsonl", b"".join(leaf.line for leaf in contents.gathered.leaves)
    yield "ocsf.jsonl", b"".join(canonical(each) + b"\n" for each in ocsf_lines(told))
    yield "timeline.html", render_timeline(told).encode()
    yield "keys.txt", contents.keys.encode()
    yield "verify.py", contents.verifier
    for digest, bundle in contents.gathered.policies.items():
        yield f"policy/{digest.removeprefix('sha256:')}.json", bundle
    if contents.range is not None:
        yield "range.json", contents.range.text
    if contents.growth is not None:
        yield "consistency.txt", contents.growth.text
    if contents.gathered.disclosed:
        yield (
            "disclosures.jsonl",
            b"".join(
                canonical({"action": action, **each.model_dump(mode="json")}) + b"\n"
                for action, each in contents.gathered.disclosed
            ),
        )
