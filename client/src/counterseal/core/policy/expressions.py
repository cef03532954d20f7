"""What we need from an expression engine, and the one we use: Google's CEL in C++.

An engine compiles a text against declared variables and evaluates it against bound values. It
never raises while judging: what cannot be evaluated comes back as a ``Failure``.
"""

import re
from collections.abc import Mapping
from enum import Enum
from importlib.metadata import version
from typing import NamedTuple, Protocol

from cel_expr_python import cel  # type: ignore[import-untyped] # it ships no types

from counterseal.core.policy.syntax import Reading, reading


class Kind(Enum):
    """The types that inputs and conditions have."""

    BOOLEAN = "boolean"
    NUMBER = "number"
    STRING = "string"
    TIMESTAMP = "timestamp"
    STRINGS = "list of strings"
    NUMBERS = "list of numbers"
    MAP = "map"
    MAPS = "list of maps"
    OTHER = "other"


class Failure(NamedTuple):
    """Why an expression has no value."""

    reason: str


class Mistake(NamedTuple):
    """What the compiler found, at ``line`` and ``column`` of the expression, from 1."""

    line: int
    column: int
    sentence: str


class NotCompiled(Exception):  # noqa: N818 - caught where the place in the file is known
    """The expression means nothing."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(each.sentence for each in mistakes))


class Binding(Protocol):
    """Values bound to variables, in whatever form the engine wants."""


class Expression(Protocol):
    """A compiled expression."""

    @property
    def kind(self) -> Kind:
        """The type of its value."""
        ...

    @property
    def reading(self) -> Reading:
        """What it reads."""
        ...

    def evaluate(self, binding: Binding) -> object | Failure:
        """Compute the value; ``Failure`` if there is none."""
        ...


class Environment(Protocol):
    """Declared variables."""

    def compile(self, text: str) -> Expression:
        """Check and compile ``text``. Raises ``NotCompiled``."""
        ...

    def bind(self, values: Mapping[str, object]) -> Binding:
        """Prepare ``values`` for evaluation; what is missing fails when it is read."""
        ...


class Engine(Protocol):
    """A language implementation."""

    @property
    def name(self) -> str:
        """Its name and version, as decisions record them."""
        ...

    def declare(self, variables: Mapping[str, Kind]) -> Environment:
        """Make an environment in which exactly ``variables`` exist."""
        ...


class CelEngine:
    """Google's CEL: typed at load, RE2 expressions, an iteration budget."""

    name = f"cel-expr-python/{version('cel-expr-python')}"

    def declare(self, variables: Mapping[str, Kind]) -> Environment:
        """Make an environment; dotted names are variables of their own."""
        return _CelEnvironment(
            cel.NewEnv(variables={name: _TYPES[kind] for name, kind in variables.items()})
        )


class _CelEnvironment:
    def __init__(self, env: "cel.Env") -> None:
        self._env = env

    def compile(self, text: str) -> Expression:
        try:
            return _CelExpression(self._env.compile(text))
        except RuntimeError as error:
            raise NotCompiled(_mistakes(str(error))) from error

    def bind(self, values: Mapping[str, object]) -> Binding:
        bound: Binding = self._env.Activation(values)
        return bound


class _CelExpression:
    def __init__(self, program: "cel.Expression") -> None:
        self._program = program
        self.kind = _KINDS.get(program.return_type().name(), Kind.OTHER)
        self.reading = reading(program.serialize())

    def evaluate(self, binding: Binding) -> object | Failure:
        try:
            value = self._program.eval(binding)
        except RuntimeError as error:
            return Failure(_plain(str(error)))
        # Errors come back as values, and as truthy ones: the type must be looked at first.
        if value.type().name() in ("ERROR", "UNKNOWN"):
            return Failure(_plain(str(value.value())))
        plain: object = value.plain_value()
        return plain


_TYPES = {
    Kind.BOOLEAN: cel.Type.BOOL,
    Kind.NUMBER: cel.Type.DOUBLE,
    Kind.STRING: cel.Type.STRING,
    Kind.TIMESTAMP: cel.Type.TIMESTAMP,
    Kind.STRINGS: cel.Type.List(cel.Type.STRING),
    Kind.NUMBERS: cel.Type.List(cel.Type.DOUBLE),
    Kind.MAP: cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    Kind.MAPS: cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.DYN)),
}
_KINDS = {"BOOL": Kind.BOOLEAN, "STRING": Kind.STRING, "DOUBLE": Kind.NUMBER}

_MISTAKE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?=\n \||\Z)", re.DOTALL)


def _mistakes(said: str) -> tuple[Mistake, ...]:
    found = tuple(
        Mistake(int(line), max(int(column), 1), sentence.strip())
        for line, column, sentence in _MISTAKE.findall(said)
    )
    return found or (Mistake(1, 1, _plain(said)),)


def _plain(said: str) -> str:
    return said.splitlines()[0].removesuffix("[INVALID_ARGUMENT]").strip()[:500]
