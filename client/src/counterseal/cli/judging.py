"""Judging on this machine. The engine is only loaded here, because it is large and optional."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from counterseal.core.action import Action
from counterseal.core.canonical import Json
from counterseal.core.policy.decision import Decision
from counterseal.core.policy.facts import Asserted, Count, Facts
from counterseal.errors import CountersealError, Unsendable

if TYPE_CHECKING:
    from counterseal.core.policy.complaint import Complaint
    from counterseal.core.policy.judge import Judge


class BundleUnusable(CountersealError):  # noqa: N818 - a refusal is an answer
    """The bundle has mistakes; ``policy check`` lists them."""

    code = "bundle-refused"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found."""

    complaints: tuple["Complaint", ...]
    name: str = ""
    digest: str = ""

    def report(self) -> dict[str, Json]:
        """Write it for programs."""
        found = [each.model_dump(mode="json") for each in self.complaints]
        return {"sound": not found, "name": self.name, "digest": self.digest, "complaints": found}


@dataclass(frozen=True, slots=True)
class Tested:
    """How the cases of a bundle came out. ``gaps`` are what they prove nothing about."""

    count: int
    failures: tuple[tuple[str, tuple[str, ...]], ...]
    gaps: tuple[str, ...]

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return self.count - len(self.failures)

    def report(self) -> dict[str, Json]:
        """Write it for programs."""
        failures = [{"case": name, "differences": [*why]} for name, why in self.failures]
        return {"cases": self.count, "failures": failures, "unproved": [*self.gaps]}


def check(directory: Path) -> Checked:
    """Find everything that is wrong with a bundle and its cases."""
    with _engine():
        from counterseal.core.policy.complaint import BundleRefused
        from counterseal.core.policy.judge import compile_bundle
        from counterseal.policy_files import read_bundle, read_cases
    try:
        judge = compile_bundle(read_bundle(directory))
        read_cases(directory)
    except BundleRefused as refused:
        return Checked(refused.complaints)
    named = judge.name
    return Checked((), f"{named.name} {named.version}", named.digest)


def run_cases(directory: Path) -> Tested:
    """Run a bundle's cases."""
    judge = load(directory)
    with _engine():
        from counterseal.core.policy import cases as core
        from counterseal.policy_files import read_cases
    with _usable():
        cases = read_cases(directory)
    results = core.run_cases(judge, cases)
    proved = core.coverage(judge, cases)
    never = (f"{name} is never {str(value).lower()}" for name, value in proved.one_sided.items())
    return Tested(
        len(results),
        tuple((each.case.name, each.differences) for each in results if not each.passed),
        (*(f"{rule} never fires" for rule in proved.unfired), *never),
    )


def load(directory: Path) -> "Judge":
    """Make a judge of the bundle in ``directory``."""
    with _engine():
        from counterseal.core.policy.judge import compile_bundle
        from counterseal.policy_files import read_bundle
    with _usable():
        return compile_bundle(read_bundle(directory))


def files(directory: Path) -> dict[str, str]:
    """Read a bundle's files as they are sent to the server."""
    with _engine():
        from counterseal.policy_files import read_files
    with _usable():
        return read_files(directory)


def judge(directory: Path, action: Action, facts: Facts) -> Decision:
    """Judge recorded facts by another bundle."""
    return load(directory).decide(action, facts)


def judge_imagined(directory: Path, action: Action, request: str | None, at: datetime) -> Decision:
    """Judge a call that nobody made: no history, every counter at zero."""
    loaded = load(directory)
    with _engine():
        from counterseal.core.policy.assemble import assemble
    queries = loaded.counter_queries(action, loaded.attributes(action))
    counts = {each.key: Count(key=each.key, count=0, sum=0.0, version=0) for each in queries}
    asserted = Asserted(user_request=request)
    return loaded.decide(action, assemble(loaded, action, at, counts=counts, asserted=asserted))


def read_yaml(file: Path) -> Json:
    """Read a YAML file as strictly as a bundle's."""
    with _engine():
        from counterseal.core.policy.source import read
    try:
        source = read(file.name, file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Unsendable(f"{file} cannot be read: {error}.") from error
    if source.complaints:
        raise BundleUnusable("\n".join(str(each) for each in source.complaints))
    return source.value


@contextmanager
def _engine() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise Unsendable(
            f"judging policies needs {error.name}; install it with "
            "`pip install 'counterseal[policy]'`."
        ) from error


@contextmanager
def _usable() -> Iterator[None]:
    from counterseal.core.policy.complaint import BundleRefused

    try:
        yield
    except BundleRefused as refused:
        raise BundleUnusable(refused.sentence) from refused
