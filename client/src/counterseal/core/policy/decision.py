"""What policy said about an action, and why, in full: rules, clauses, values, thresholds, facts."""

from pydantic import Field

from counterseal.core.action import Digest, Name
from counterseal.core.canonical import Json, digest
from counterseal.core.model import Kept, Record
from counterseal.core.policy.facts import Facts
from counterseal.core.policy.route import Route
from counterseal.core.words import FailMode, Level, Risk, Stage, Verdict, is_at_once


class BundleName(Record):
    """Which policy judged: the digest is what counts, name and version are for people."""

    name: Name
    version: str
    digest: Digest


class ClauseFinding(Record):
    """One clause of a rule: what it read, what it compared with, what came out.

    ``holds`` is None if it could not be evaluated; ``error`` then says why. ``section`` is
    ``when`` or ``unless``.
    """

    name: str
    section: str
    holds: bool | None
    readings: dict[str, Json] = Field(default_factory=dict)
    thresholds: dict[str, Json] = Field(default_factory=dict)
    error: str | None = None


class RuleFinding(Record):
    """One rule that fired, or just missed.

    ``verdict`` is what the rule says, ``effective`` what it does at its ``stage``. ``erred`` means
    that it could not be evaluated and so counts as fired with its ``on_error`` verdict.
    """

    rule: str
    title: str
    owner: str
    controls: tuple[str, ...] = ()
    verdict: Verdict
    effective: Verdict
    stage: Stage
    erred: bool = False
    message: str | None = None
    clauses: tuple[ClauseFinding, ...] = ()


class Decision(Kept):
    """The answer to one candidate action.

    ``verdict`` is what would have happened with everything enforced; ``effective`` is what does.
    ``determining`` names the rules that led to ``effective``, or ``default`` for the class default
    and ``unknown-tool`` where no class claims the tool. ``route`` is set if and only if
    ``effective`` is ``STEP_UP``. ``for_agent`` is the only text the agent sees. ``grant_ttl`` and
    ``receipt_ttl`` are seconds. ``evidence`` is the level a grant's evidence must reach before the
    grant is released. ``contributes`` maps counter names to what this action adds.
    """

    verdict: Verdict
    effective: Verdict
    action_class: str | None
    risk: Risk
    stage: Stage
    fail_mode: FailMode
    determining: tuple[str, ...]
    fired: tuple[RuleFinding, ...] = ()
    near_misses: tuple[RuleFinding, ...] = ()
    route: Route | None = None
    for_agent: str
    sensitive: tuple[str, ...] = ()
    grant_ttl: int = Field(gt=0)
    receipt_ttl: int = Field(gt=0)
    evidence: Level = Field(default=Level.RECORDED, exclude_if=is_at_once)
    contributes: dict[str, float] = Field(default_factory=dict)
    counters_read: tuple[str, ...] = ()
    attributes: dict[str, Json] = Field(default_factory=dict)
    facts: Facts
    facts_digest: Digest
    bundle: BundleName
    engine: str


def facts_digest(facts: Facts) -> str:
    """Name a set of facts."""
    return digest("counterseal/facts/v1", facts.model_dump(mode="json"))
