"""Asking a witness over HTTP for its cosignature (C2SP tlog-witness, add-checkpoint)."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from counterseal.core.tlog.note import (
    BadNote,
    Note,
    Signature,
    SignatureType,
    VerifierKey,
    parse_signature,
    to_base64,
)

PATIENCE = 1.0
LARGEST_ANSWER = 64 * 1024
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n\Z")


class BadWitness(ValueError):  # noqa: N818 - it reads as what is wrong
    """A witness that cannot be asked; the sentence says why."""


class NotCosigned(Exception):  # noqa: N818 - it reads as what happened
    """A witness gave no cosignature. ``reason`` is one of few words, for metrics."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class KnownSize:
    """The witness has cosigned so many leaves; a proof must begin there."""

    size: int


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness: its key, and where it takes checkpoints."""

    key: VerifierKey
    url: str

    @classmethod
    def parse(cls, text: str) -> "Witness":
        """Read ``<verifier key>@<url>``. Raises ``BadWitness``."""
        # A key has no @ behind its plus signs; a name may have one.
        name, plus, rest = text.partition("+")
        raw, at, url = rest.partition("@")
        try:
            key = VerifierKey.parse(f"{name}{plus}{raw}")
            parsed = httpx.URL(url)
        except (BadNote, httpx.InvalidURL) as error:
            raise BadWitness(f"{text[:120]!r} is not <verifier key>@<url>: {error}") from error
        if key.kind is not SignatureType.COSIGNATURE:
            raise BadWitness(
                f"the key of {key.name} is of type {key.kind:#04x}; witnesses have 0x04."
            )
        if not at or parsed.scheme not in {"http", "https"} or not parsed.host:
            raise BadWitness(f"{key.name} has no http(s) URL; write <verifier key>@<url>.")
        return cls(key, url.rstrip("/"))


class Witnesses:
    """Asks witnesses. Nothing they answer is believed but a cosignature that verifies."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        # Redirects are not followed, and no proxy of the environment is asked.
        self._http = httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=patience)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def ask(
        self, witness: Witness, old: int, proof: Sequence[bytes], note: Note
    ) -> Signature | KnownSize:
        """Ask to cosign ``note``, which continues the log of ``old`` leaves.

        Raises ``NotCosigned``.
        """
        lines = [f"old {old}", *(to_base64(each) for each in proof)]
        body = "\n".join(lines) + f"\n\n{note}"
        try:
            async with asyncio.timeout(self._patience):
                status, answer = await self._post(f"{witness.url}/add-checkpoint", body.encode())
        except (TimeoutError, httpx.HTTPError) as error:
            raise NotCosigned("unreachable", f"{type(error).__name__}: {error}") from error
        match status:
            case httpx.codes.OK:
                return _cosignature(witness.key, note, answer)
            case httpx.codes.CONFLICT if (found := _SIZE.match(answer)) is not None:
                return KnownSize(int(found[1]))
            case _:
                said = answer[:200].decode("utf-8", "replace").strip()
                raise NotCosigned("refused", f"HTTP {status}: {said}")

    async def _post(self, url: str, body: bytes) -> tuple[int, bytes]:
        collected = bytearray()
        async with self._http.stream("POST", url, content=body) as answer:
            async for chunk in answer.aiter_bytes():
                collected += chunk
                if len(collected) > LARGEST_ANSWER:
                    raise NotCosigned("misbehaved", f"more than {LARGEST_ANSWER} bytes")
        return answer.status_code, bytes(collected)


def _cosignature(key: VerifierKey, note: Note, answer: bytes) -> Signature:
    """Find the witness's own cosignature; lines of unknown keys are ignored, as is specified."""
    try:
        lines = answer.decode("utf-8").removesuffix("\n").split("\n")
        given = Note(note.text, tuple(parse_signature(line) for line in lines))
        if given.signed_by([key]):
            return next(
                each for each in given.signatures if (each.name, each.key_id) == (key.name, key.id)
            )
    except (UnicodeDecodeError, BadNote) as error:
        raise NotCosigned("misbehaved", f"what it answers does not verify: {error}") from error
    raise NotCosigned("misbehaved", "it answers without a cosignature of the key it is known by")
