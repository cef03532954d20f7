"""Options that several commands share."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

Options = Mapping[str, Any]
"""Names, and how each is spelled as an option."""

Command = Callable[..., None]


def taking(
    options: Options,
    name: str,
    make: Callable[[Mapping[str, Any]], object],
    defaults: Mapping[str, object] | None = None,
) -> Callable[[Command], Command]:
    """Let a command take ``options``; it is handed what ``make`` makes of them, as ``name``."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
            values = {each: given.pop(each) for each in options}
            command(**given, **{name: make(values)})

        own = inspect.signature(command).parameters.values()
        taken = [each for each in own if each.name != name]
        added = [
            inspect.Parameter(
                each,
                inspect.Parameter.KEYWORD_ONLY,
                default=(defaults or {}).get(each),
                annotation=kind,
            )
            for each, kind in options.items()
        ]
        # Typer reads both.
        run.__signature__ = inspect.Signature([*added, *taken])  # type: ignore[attr-defined] # functions may carry attributes
        run.__annotations__ = {each.name: each.annotation for each in (*added, *taken)}
        return run

    return decorate
