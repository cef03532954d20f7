"""A bundle: everything a policy owner says about actions, as one document named by its digest.

These models hold what the files say after includes are joined and durations are read. They are
plain data: whether references lead somewhere and whether conditions make sense is said in
``checks`` and ``compile``.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import AliasChoices, BeforeValidator, Field, StrictBool, StrictStr, StringConstraints

from counterseal.core.action import Name
from counterseal.core.canonical import digest
from counterseal.core.model import Record
from counterseal.core.policy.patterns import fits, specificity
from counterseal.core.policy.route import LONGEST_HOLD
from counterseal.core.policy.routing import BundleRoute
from counterseal.core.words import FailMode, Level, Risk, Stage, Verdict, is_at_once

BUNDLE_DOMAIN = "counterseal/bundle/v1"

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]
"""The name of a rule or class: lower case, stable, never reused."""

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A name that conditions can speak: an attribute, parameter, counter or directory."""

Glob = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/*?-]{1,128}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Cel = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Pointer = Annotated[str, StringConstraints(pattern=r"^(/[^/]*)+$", max_length=256)]

Seconds = Annotated[int, Field(gt=0, le=LONGEST_HOLD, strict=True)]

LONGEST_RETENTION = 100 * 365 * 24 * 3600

AttributeType = Literal["number", "string", "boolean", "strings"]


def _number(value: object) -> object:
    # Conditions know one kind of number, so `10` and `10.0` are the same threshold.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _is_absent(value: object) -> bool:
    return value is None


Number = Annotated[float, BeforeValidator(_number), Field(strict=True, allow_inf_nan=False)]

Param: TypeAlias = (
    StrictBool
    | Number
    | Annotated[StrictStr, Field(max_length=1000)]
    | Annotated[tuple[Number, ...], Field(min_length=1, max_length=1000)]
    | Annotated[tuple[StrictStr, ...], Field(min_length=1, max_length=1000)]
)
"""A named threshold: a number, string or boolean, or a list of numbers or of strings."""

_CLASS = AliasChoices("class", "classes")


class Clause(Record):
    """One named condition in CEL that is true or false."""

    name: Word
    cel: Cel


class Match(Record):
    """Which actions a rule looks at: every part given must fit, any entry of a part will do."""

    tools: tuple[Glob, ...] = ()
    classes: tuple[Id, ...] = Field(default=(), validation_alias=_CLASS)
    labels: tuple[Name, ...] = ()
    environment: tuple[Name, ...] = ()


class Rule(Record):
    """One sentence of policy: what it looks at, when it fires, what it then demands.

    It fires if all of ``when`` hold and none of ``unless`` does. If it cannot be evaluated it
    counts as fired, with ``on_error`` (by default its own verdict). ``stage`` None means the
    bundle's.
    """

    id: Id
    title: Text
    owner: Name
    controls: tuple[Name, ...] = ()
    match: Match = Match()
    params: dict[Word, Param] = Field(default_factory=dict, max_length=64)
    when: tuple[Clause, ...] = Field(min_length=1, max_length=32)
    unless: tuple[Clause, ...] = Field(default=(), max_length=32)
    verdict: Verdict
    stage: Stage | None = None
    on_error: Verdict | None = None
    route: BundleRoute | None = None
    message: Cel | None = None
    for_agent: Annotated[str, StringConstraints(max_length=500)] | None = None

    @property
    def clauses(self) -> tuple[tuple[str, int, Clause], ...]:
        """All clauses with the section and position they stand at, ``when`` first."""
        return tuple(
            (section, number, clause)
            for section, clauses in (("when", self.when), ("unless", self.unless))
            for number, clause in enumerate(clauses)
        )


class Attribute(Record):
    """A value that conditions can read, and where in the arguments it stands.

    The first pointer that leads anywhere is taken; of ``strings`` all that are found together.
    ``known_in`` names the directories whose entries make a value ``known``.
    """

    type: AttributeType
    sources: tuple[Pointer, ...] = Field(
        min_length=1, max_length=32, validation_alias=AliasChoices("from", "sources")
    )
    known_in: tuple[Word, ...] = ()


class ActionClass(Record):
    """A kind of action: the tools it covers, what it may do by itself, what harm it can do.

    ``verdict`` is the floor: rules can make the answer stricter, never more open. ``sensitive``
    points at arguments whose values are never written in clear, ``retention`` says for how many
    seconds after the action closed those are kept at all; ``evidence`` is how far that of a grant
    must have come before it is released; ``reads_untrusted`` says that what these tools return was
    written by outsiders.
    """

    id: Id
    title: Text
    tools: tuple[Glob, ...] = Field(min_length=1, max_length=500)
    verdict: Verdict
    stage: Stage | None = None
    risk: Risk
    fail_mode: FailMode = FailMode.CLOSED
    sensitive: tuple[Pointer, ...] = ()
    retention: Annotated[int, Field(gt=0, le=LONGEST_RETENTION, strict=True)] | None = Field(
        default=None,
        exclude_if=_is_absent,  # a bundle without it keeps the digest it had before there was one
    )
    evidence: Level = Field(default=Level.RECORDED, exclude_if=is_at_once)  # likewise
    attributes: dict[Word, Attribute] = Field(default_factory=dict, max_length=64)
    reads_untrusted: StrictBool = False
    route: BundleRoute | None = None
    reversible: StrictBool = False
    blast_radius: Text | None = None
    grant_ttl: Seconds | None = None
    receipt_ttl: Seconds | None = None


class Counter(Record):
    """How many actions of some classes, and how much in sum, within ``window`` per key.

    ``by`` names the inputs that make the key; ``attempts`` counts refused actions too.
    """

    title: Text
    classes: tuple[Id, ...] = Field(min_length=1, validation_alias=_CLASS)
    by: tuple[str, ...] = Field(min_length=1, max_length=8)
    window: Seconds
    sum: Word | None = None
    attempts: StrictBool = False


class Directory(Record):
    """A list the policy owner keeps, for example of paid-before payees."""

    title: Text
    values: tuple[Annotated[str, StringConstraints(min_length=1, max_length=512)], ...] = Field(
        default=(), max_length=20_000
    )


class Defaults(Record):
    """What holds where a class or rule says nothing itself."""

    route: BundleRoute | None = None
    grant_ttl: Seconds = 900
    receipt_ttl: Seconds = 3600


class UnknownTools(Record):
    """What a tool means that no class claims: it is held, and its output is not trusted."""

    stage: Stage | None = None
    risk: Risk = Risk.HIGH
    fail_mode: FailMode = FailMode.CLOSED
    reads_untrusted: StrictBool = True
    route: BundleRoute | None = None


class Bundle(Record):
    """A whole policy. ``stage`` is for classes and rules that name none."""

    name: Name = Field(validation_alias=AliasChoices("bundle", "name"))
    version: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$")]
    description: Annotated[str, StringConstraints(max_length=4000)] = ""
    timezone: str = "UTC"
    stage: Stage = Stage.ENFORCE
    defaults: Defaults = Defaults()
    unknown_tools: UnknownTools = UnknownTools()
    groups: dict[Name, Text] = Field(default_factory=dict, max_length=500)
    directories: dict[Word, Directory] = Field(default_factory=dict, max_length=200)
    counters: dict[Word, Counter] = Field(default_factory=dict, max_length=200)
    classes: tuple[ActionClass, ...] = Field(min_length=1, max_length=500)
    rules: tuple[Rule, ...] = Field(default=(), max_length=2000)

    def class_of(self, tool: str) -> ActionClass | None:
        """Find the class whose pattern claims ``tool`` most specifically, if any does."""
        claims = (
            (specificity(pattern), each)
            for each in self.classes
            for pattern in each.tools
            if fits(tool, (pattern,))
        )
        return max(claims, key=lambda claim: claim[0], default=(None, None))[1]


def bundle_digest(bundle: Bundle) -> str:
    """Name a bundle: SHA-256 over the RFC 8785 bytes of its dump."""
    return digest(BUNDLE_DOMAIN, bundle.model_dump(mode="json"))
