"""A function's arguments as JSON by name, and back again."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from counterseal.core.canonical import Json
from counterseal.errors import Unsendable

_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Bound:
    """One call, taken apart: what is asked about, and what is only handed through."""

    arguments: dict[str, Json]
    outside: dict[str, object]


@dataclass(frozen=True, slots=True)
class Binding:
    """Takes calls of one function apart and puts them together again.

    ``outside`` names parameters that are no part of the action, such as ``self`` or a connection:
    nobody is shown them, so nothing that changes what happens may be among them. ``**keywords``
    are merged in by name; ``*rest`` is a list.
    """

    signature: inspect.Signature
    outside: frozenset[str]

    @classmethod
    def of(cls, function: Callable[..., object], outside: frozenset[str]) -> "Binding":
        """Study a function. Raises ``TypeError`` for names that it does not have."""
        signature = inspect.signature(function)
        strange = outside - set(signature.parameters)
        if strange:
            raise TypeError(f"{function!r} has no parameter named {', '.join(sorted(strange))}.")
        if any(signature.parameters[name].kind in _VARIABLE for name in outside):
            raise TypeError("*rest and **keywords cannot be outside of the action.")
        return cls(signature, outside)

    def take_apart(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Bound:
        """Bind a call with its defaults. Raises ``TypeError`` as the call itself would."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = dict(bound.arguments)
        outside = {name: values.pop(name) for name in self.outside}
        keywords = self._keywords
        extra = values.pop(keywords, {}) if keywords else {}
        if clash := self._plain & set(extra):
            raise Unsendable(f"{', '.join(sorted(clash))}: given twice, by position and by name.")
        return Bound({**values, **extra}, outside)

    def put_together(
        self, arguments: Mapping[str, Json], outside: Mapping[str, object]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Make the positional and named arguments of a call. Raises ``Unsendable``."""
        left = {**arguments, **outside}
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name, parameter in self.signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                continue
            if name not in left:
                raise Unsendable(f"{name} is missing, so this is not a call of this function.")
            value = left.pop(name)
            if parameter.kind is parameter.VAR_POSITIONAL:
                args += value if isinstance(value, list) else [value]
            elif parameter.kind is parameter.KEYWORD_ONLY:
                kwargs[name] = value
            else:
                args.append(value)
        if left and not self._keywords:
            raise Unsendable(f"{', '.join(sorted(left))}: this function takes no such argument.")
        return args, {**kwargs, **left}

    @property
    def _keywords(self) -> str | None:
        kinds = self.signature.parameters.items()
        return next((name for name, each in kinds if each.kind is each.VAR_KEYWORD), None)

    @property
    def _plain(self) -> set[str]:
        return set(self.signature.parameters) - {self._keywords}
