"""Whom an auditor believes: a text file of verifier keys (C2SP tlog-policy, and packagers).

Lines are ``log <key>``, ``witness <name> <key>``, ``group <name> <any|all|number> <member> …``,
``quorum <name|none>`` and, ours, ``packager <key>``. ``#`` begins a comment line. Nobody counts
twice: a witness has one key and one name, and is in one group at most, as a group is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from counterseal.core.tlog.note import BadNote, Note, SignatureType, VerifierKey

_CONTROL = re.compile(r"[^\t\n\x20-\x7e\x80-\U0010ffff]")
_BLANKS = re.compile(r"[ \t]+")
_LONGEST_NUMBER = 9


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses or groups, of which ``threshold`` are enough."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys of logs, witnesses and packagers, and how many witnesses it takes."""

    logs: tuple[VerifierKey, ...] = ()
    packagers: tuple[VerifierKey, ...] = ()
    witnesses: dict[str, VerifierKey] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = "none"

    def log_keys(self, origin: str) -> tuple[VerifierKey, ...]:
        """Give the keys that may sign for ``origin``."""
        return tuple(key for key in self.logs if key.name == origin)

    def is_sealed(self, origin: str, note: Note) -> bool:
        """Say whether a trusted log key signed. Raises ``BadNote`` if one signed wrongly."""
        return bool(note.signed_by(self.log_keys(origin)))

    def is_witnessed(self, note: Note) -> bool:
        """Say whether enough witnesses cosigned; with the quorum ``none`` nobody has to."""
        signed = {*note.signed_by(self.witnesses.values())}
        return self._is_met(self.quorum, signed)

    def _is_met(self, name: str, signed: set[VerifierKey]) -> bool:
        if name == "none":
            return True
        if (group := self.groups.get(name)) is not None:
            return sum(self._is_met(one, signed) for one in group.members) >= group.threshold
        return self.witnesses[name] in signed


def written(trust: Trust) -> str:
    """Write a trust file that ``parse_trust`` reads."""
    lines = [
        *(f"log {key}" for key in trust.logs),
        *(f"packager {key}" for key in trust.packagers),
        *(f"witness {name} {key}" for name, key in trust.witnesses.items()),
        *(
            f"group {name} {group.threshold} {' '.join(group.members)}"
            for name, group in trust.groups.items()
        ),
        f"quorum {trust.quorum}",
    ]
    return "".join(f"{line}\n" for line in lines)


def parse_trust(text: str) -> Trust:
    """Read a trust file. Raises ``BadNote`` that names the line."""
    witnesses: dict[str, VerifierKey] = {}
    groups: dict[str, Group] = {}
    logs, packagers, quorum = [], [], None
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        try:
            match _words(line):
                case [word, *_] if not word or word.startswith("#"):
                    continue
                case ["log", key, *_]:
                    logs.append(_key(key, SignatureType.ED25519))
                case ["packager", key]:
                    packagers.append(_key(key, SignatureType.ED25519))
                case ["witness", name, key, *_]:
                    new = _new(name, witnesses, groups)
                    witnesses[new] = _witness(key, witnesses.values())
                case ["group", name, count, *members]:
                    new = _new(name, witnesses, groups)
                    groups[new] = _group(count, members, {*witnesses, *groups}, groups.values())
                case ["quorum", name] if quorum is None and name in {"none", *witnesses, *groups}:
                    quorum = name
                case _:
                    raise BadNote(f"{line[:80]!r} is not understood.")  # noqa: TRY301 - it gets its line number below
        except BadNote as error:
            raise BadNote(f"line {number} of the trust file: {error}") from error
    return Trust(tuple(logs), tuple(packagers), witnesses, groups, quorum or "none")


def _words(line: str) -> list[str]:
    """Split a line where people see it split: nothing else may end a line or a comment."""
    if found := _CONTROL.search(line):
        raise BadNote(f"there is a control character ({found[0]!r}) in it.")
    return _BLANKS.split(line.strip(" \t"))


def _key(text: str, kind: SignatureType) -> VerifierKey:
    key = VerifierKey.parse(text)
    if key.kind is not kind:
        raise BadNote(f"the key of {key.name} is of type {key.kind:#04x}, not {kind:#04x}.")
    return key


def _witness(text: str, others: Iterable[VerifierKey]) -> VerifierKey:
    key = _key(text, SignatureType.COSIGNATURE)
    if any(key.public == other.public for other in others):
        raise BadNote(f"the key of {key.name} is that of another witness already.")
    return key


def _new(name: str, *taken: Iterable[str]) -> str:
    if name == "none" or any(name in names for names in taken):
        raise BadNote(f"{name!r} is taken; choose another name.")
    return name


def _group(count: str, members: list[str], known: set[str], others: Iterable[Group]) -> Group:
    if missing := [name for name in members if name not in known]:
        raise BadNote(f"{missing[0]!r} is not defined above this line.")
    if len({*members}) < len(members) or any({*members} & {*one.members} for one in others):
        raise BadNote("a member is named twice, here or in another group.")
    is_number = count.isascii() and count.isdigit() and len(count) <= _LONGEST_NUMBER
    threshold = {"any": 1, "all": len(members)}.get(count) or int(count if is_number else 0)
    if not 0 < threshold <= len(members):
        raise BadNote(f"{count!r} of {len(members)} members can never be reached, or always is.")
    return Group(threshold, tuple(members))
