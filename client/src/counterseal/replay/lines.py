"""Reading recorded tool calls. The shape of every line is found out by looking at it.

Either a line is one call::

    {"session": "s1", "tool": "send_email", "args": {…}, "prompt": "…", "output": "…"}

or a whole session with a list of ``calls``, each with ``tool``, ``args`` and maybe ``output`` and
``error``. Without ``session``, ``task_id`` and what stands around it name the session. Arguments
given by position are put under ``positional``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from counterseal.core.canonical import Bounds, Json, canonical, parse
from counterseal.core.errors import Unreadable

LINE = Bounds(size=16 * 1024 * 1024, depth=64, keys=200_000)

_NAMING = ("corpus", "config", "suite", "kind", "task_id", "injection_task")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One recorded call. ``output`` is what the tool said, None if that was not recorded."""

    line: int
    session: str
    tool: str
    arguments: dict[str, Json]
    prompt: str | None = None
    output: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be replayed."""

    line: int
    why: str


def read_lines(lines: Iterable[bytes]) -> Iterator[ToolCall | BadLine]:
    """Read JSON Lines; blank lines are skipped, bad ones are told of."""
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            # The whole line first: half a session is not replayed.
            yield from tuple(_calls(number, parse(text, LINE)))
        except Unreadable as error:
            yield BadLine(number, str(error))
        except _Unfit as error:
            yield BadLine(number, str(error))


class _Unfit(Exception):  # noqa: N818 - never leaves this module
    pass


def _calls(number: int, line: Json) -> Iterator[ToolCall]:
    if not isinstance(line, dict):
        raise _Unfit("a line is a JSON object.")
    listed = line.get("calls")
    if isinstance(listed, list):
        for each in listed:
            yield _call(number, line, each)
    elif "tool" in line or "name" in line:
        yield _call(number, line, line)
    else:
        raise _Unfit("neither `tool` nor `calls` is here, so there is nothing to replay.")


def _call(number: int, around: Mapping[str, Json], call: Json) -> ToolCall:
    if not isinstance(call, dict):
        raise _Unfit("a call is a JSON object with `tool` and `args`.")
    tool = call.get("tool", call.get("name"))
    if not isinstance(tool, str) or not tool:
        raise _Unfit("`tool` is the name of a tool.")
    return ToolCall(
        line=number,
        session=_session(number, around),
        tool=tool,
        arguments=_arguments(call),
        prompt=_said(around.get("prompt") or around.get("goal")),
        output=_said(call.get("output", call.get("outputs"))),
        error=_said(call.get("error")),
    )


def _arguments(call: Mapping[str, Json]) -> dict[str, Json]:
    arguments = call.get("args", call.get("arguments"))
    if arguments is None:
        arguments = {}
    if isinstance(arguments, list):
        return {"positional": arguments}
    if not isinstance(arguments, dict):
        raise _Unfit("`args` is an object of names and values, or a list.")
    positional = call.get("positional")
    if not positional:
        return arguments
    if "positional" in arguments:
        raise _Unfit("`positional` is both an argument and a list of arguments.")
    return {**arguments, "positional": positional}


def _session(number: int, around: Mapping[str, Json]) -> str:
    named = around.get("session")
    if isinstance(named, str | int) and not isinstance(named, bool) and str(named):
        return str(named)
    parts = [str(around[name]) for name in _NAMING if isinstance(around.get(name), str | int)]
    return "/".join(parts) if "task_id" in around and parts else f"line-{number}"


def _said(value: Json) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return canonical(value).decode()
