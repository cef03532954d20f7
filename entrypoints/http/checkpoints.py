"""What the log says of itself, for whoever follows it: checkpoints and proofs, in C2SP formats."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from counterseal.core.tlog.checkpoint import parse_checkpoint
from counterseal.core.tlog.note import to_base64
from counterseal.core.tlog.proofs import prove_consistency, prove_inclusion
from counterseal.core.words import Role
from entrypoints.credentials import demand
from entrypoints.http.state import ByCaller, InRooms
from entrypoints.problems import Declined

router = APIRouter(prefix="/v1/log", tags=["log"])

LARGEST = 2**62
PROOF_HEADING = "c2sp.org/tlog-proof@v1"


@router.get("/checkpoint", response_class=Response)
async def checkpoint(rooms: InRooms, caller: ByCaller) -> Response:
    """Give the newest checkpoint that enough witnesses have cosigned, else the newest signed."""
    demand(caller, Role.AUDITOR, Role.OPERATOR)
    return _text(_known(await rooms.seals.checkpoint(caller.tenant), 1))


@router.get("/consistency", response_class=Response)
async def consistency(
    rooms: InRooms,
    caller: ByCaller,
    old: Annotated[int, Query(alias="from", ge=1, le=LARGEST)],
    new: Annotated[int, Query(alias="to", ge=1, le=LARGEST)],
) -> Response:
    """Prove that the log of ``to`` events continues that of ``from``: one base64 hash per line."""
    demand(caller, Role.AUDITOR, Role.OPERATOR)
    size = (await rooms.tree.head(caller.tenant)).size
    if not old <= new <= size:
        raise Declined(
            "invalid-parameter",
            f"from={old}&to={new}: `from` is at most `to`, which is at most {size} here.",
        )
    proof = await prove_consistency(old, new, rooms.tree.nodes(caller.tenant))
    return _text(_lines(proof))


@router.get("/proof", response_class=Response)
async def proof(
    rooms: InRooms, caller: ByCaller, seq: Annotated[int, Query(ge=0, le=LARGEST)]
) -> Response:
    """Prove that the event at ``seq`` is in the log, with the checkpoint that says so."""
    demand(caller, Role.AUDITOR, Role.OPERATOR)
    signed = _known(await rooms.seals.checkpoint(caller.tenant, seq + 1), seq + 1)
    size = parse_checkpoint(signed)[0].size
    path = await prove_inclusion(seq, size, rooms.tree.nodes(caller.tenant))
    return _text(f"{PROOF_HEADING}\nindex {seq}\n{_lines(path)}\n{signed}")


def _known(note: str | None, size: int) -> str:
    if note is None:
        raise Declined(
            "no-checkpoint",
            f"no checkpoint of {size} or more events has been signed here; ask again in a second.",
        )
    return note


def _lines(hashes: list[bytes]) -> str:
    return "".join(f"{to_base64(each)}\n" for each in hashes)


def _text(text: str) -> Response:
    return Response(text, media_type="text/plain")
