"""What must hold between the parts of a bundle: names lead somewhere, and silence stays no."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from itertools import combinations
from zoneinfo import ZoneInfo

from counterseal.core.policy.attributes import sensitive_attributes
from counterseal.core.policy.bundle import ActionClass, Bundle, Counter, Rule
from counterseal.core.policy.complaint import Path, Problem
from counterseal.core.policy.inputs import KEYS
from counterseal.core.policy.patterns import shared, specificity
from counterseal.core.policy.route import Route
from counterseal.core.words import Risk, Stage, Verdict

RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in"}
    | {"let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while"}
)
"""Words that CEL keeps for itself."""


def problems(bundle: Bundle) -> tuple[Problem, ...]:
    """Find everything wrong with a bundle, except inside its conditions."""
    return tuple(
        problem
        for check in (
            _names,
            _timezone,
            _tools,
            _attributes,
            _counters,
            _references,
            _routes,
            _rules,
        )
        for problem in check(bundle)
    )


def routes_needed(bundle: Bundle, rule: Rule) -> bool:
    """Say whether the rule can hold an action with no route to be found for it."""
    if rule.route or bundle.defaults.route or not _may_hold(bundle, rule):
        return False
    matched = matched_classes(bundle, rule)
    from_classes = all(each.route for each in matched)
    return not (from_classes and (rule.match.classes or bundle.unknown_tools.route))


def matched_classes(bundle: Bundle, rule: Rule) -> tuple[ActionClass, ...]:
    """Name the classes whose actions the rule may look at."""
    wanted = rule.match.classes
    return tuple(each for each in bundle.classes if not wanted or each.id in wanted)


def _may_hold(bundle: Bundle, rule: Rule) -> bool:
    stages = [rule.stage, *(each.stage for each in matched_classes(bundle, rule))]
    stages.append(bundle.unknown_tools.stage)
    softened = Stage.PROGRESSIVE in [stage or bundle.stage for stage in stages]
    return softened or Verdict.STEP_UP in (rule.verdict, rule.on_error)


def _names(bundle: Bundle) -> Iterator[Problem]:
    yield from _twice("rules", "id", [rule.id for rule in bundle.rules])
    yield from _twice("classes", "id", [each.id for each in bundle.classes])
    for path, word in _words(bundle):
        if word in RESERVED:
            yield Problem(path, "reserved-word", f"`{word}` is a word of CEL; choose another name.")
    for number, rule in enumerate(bundle.rules):
        tally = Tally(clause.name for _, _, clause in rule.clauses)
        for section, place, clause in rule.clauses:
            if tally[clause.name] > 1:
                yield Problem(
                    ("rules", number, section, place, "name"),
                    "duplicate-clause",
                    f"two clauses of {rule.id} are called {clause.name}; name each differently.",
                )


def _twice(section: str, field: str, ids: list[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, each in enumerate(ids):
        if each in seen:
            yield Problem(
                (section, number, field),
                "duplicate-id",
                f"the id {each} is taken already; ids are unique over all files.",
            )
        seen.add(each)


def _words(bundle: Bundle) -> Iterator[tuple[Path, str]]:
    for section, names in (("counters", bundle.counters), ("directories", bundle.directories)):
        yield from (((section, name), name) for name in names)
    for number, each in enumerate(bundle.classes):
        yield from ((("classes", number, "attributes", name), name) for name in each.attributes)
    for number, rule in enumerate(bundle.rules):
        yield from ((("rules", number, "params", name), name) for name in rule.params)


def _timezone(bundle: Bundle) -> Iterator[Problem]:
    try:
        ZoneInfo(bundle.timezone)
    except (KeyError, ValueError, OSError):
        yield Problem(
            ("timezone",),
            "unknown-timezone",
            f"no time zone is called {bundle.timezone!r}; write for example Europe/Berlin or UTC.",
        )


def _tools(bundle: Bundle) -> Iterator[Problem]:
    claims = [
        (specificity(pattern), number, place, pattern)
        for number, each in enumerate(bundle.classes)
        for place, pattern in enumerate(each.tools)
    ]
    for (rank, one, _, left), (other_rank, two, place, right) in combinations(claims, 2):
        if one == two or rank != other_rank or (tool := shared(left, right)) is None:
            continue
        yield Problem(
            ("classes", two, "tools", place),
            "tool-claimed-twice",
            f"{bundle.classes[one].id} ({left}) and {bundle.classes[two].id} ({right}) claim the "
            f"tool {tool} equally; make one pattern longer, or name the tool in one of them.",
        )


def _attributes(bundle: Bundle) -> Iterator[Problem]:
    types: dict[str, tuple[str, str]] = {}
    for number, each in enumerate(bundle.classes):
        for name, attribute in each.attributes.items():
            path: Path = ("classes", number, "attributes", name)
            first, owner = types.setdefault(name, (attribute.type, each.id))
            if first != attribute.type:
                yield Problem(
                    (*path, "type"),
                    "attribute-type",
                    f"{name} is a {first} in class {owner}; use that type or another name.",
                )
            for place, directory in enumerate(attribute.known_in):
                if directory not in bundle.directories:
                    yield Problem(
                        (*path, "known_in", place),
                        "unknown-directory",
                        f"there is no directory {directory}; declare it under `directories`.",
                    )


def _counters(bundle: Bundle) -> Iterator[Problem]:
    classes = {each.id: each for each in bundle.classes}
    for name, counter in bundle.counters.items():
        path: Path = ("counters", name)
        yield from _unknown_classes(bundle, counter.classes, (*path, "class"))
        covered = [classes[each] for each in counter.classes if each in classes]
        for place, key in enumerate(counter.by):
            if not _is_key(key, covered):
                yield Problem(
                    (*path, "by", place),
                    "counter-key",
                    f"{key} cannot be part of a key; use one of {', '.join(KEYS)}, or attr.<name> "
                    "with a name that every class of the counter has.",
                )
        if counter.sum and any(_type(each, counter.sum) != "number" for each in covered):
            yield Problem(
                (*path, "sum"),
                "counter-sum",
                f"{counter.sum} is not a number attribute of every class of the counter.",
            )
        yield from _tells_secrets(counter, covered, path)


def _tells_secrets(
    counter: Counter, covered: Iterable[ActionClass], path: Path
) -> Iterator[Problem]:
    sensitive = {name: each.id for each in covered for name in sensitive_attributes(each)}
    read = [(name.removeprefix("attr."), "by", place) for place, name in enumerate(counter.by)]
    for name, *where in (*read, *([(counter.sum, "sum")] if counter.sum else [])):
        if name in sensitive:
            yield Problem(
                (*path, *where),
                "counter-sensitive",
                f"{name} is sensitive in class {sensitive[name]}, and a counter would write down "
                "enough to find its values out; count by something else.",
            )


def _is_key(key: str, covered: Iterable[ActionClass]) -> bool:
    name = key.removeprefix("attr.")
    return key in KEYS or (name != key and all(_type(each, name) for each in covered))


def _type(action_class: ActionClass, name: str) -> str | None:
    attribute = action_class.attributes.get(name)
    return attribute.type if attribute else None


def _references(bundle: Bundle) -> Iterator[Problem]:
    for number, rule in enumerate(bundle.rules):
        yield from _unknown_classes(bundle, rule.match.classes, ("rules", number, "match", "class"))
    for path, route, _ in _all_routes(bundle):
        for at, need in enumerate(route.needs):
            spot = (*path, "needs", at)
            yield from _unknown_groups(bundle, need.groups, (*spot, "groups"))
            for rung, step in enumerate(need.escalation):
                yield from _unknown_groups(
                    bundle, step.groups, (*spot, "escalation", rung, "groups")
                )


def _unknown_classes(bundle: Bundle, names: Iterable[str], path: Path) -> Iterator[Problem]:
    known = {each.id for each in bundle.classes}
    for place, name in enumerate(names):
        if name not in known:
            yield Problem(
                (*path, place),
                "unknown-class",
                f"there is no class {name}; the classes are {', '.join(sorted(known))}.",
            )


def _unknown_groups(bundle: Bundle, names: Iterable[str], path: Path) -> Iterator[Problem]:
    for place, name in enumerate(names):
        if name not in bundle.groups:
            yield Problem(
                (*path, place),
                "unknown-group",
                f"there is no group {name}; declare it under `groups`, so that a misspelt name "
                "cannot make a hold that nobody is asked about.",
            )


def _all_routes(bundle: Bundle) -> Iterator[tuple[Path, Route, tuple[Risk, ...]]]:
    """Name every route, where it stands, and the risks of the actions it can be taken for."""
    every = (*(each.risk for each in bundle.classes), bundle.unknown_tools.risk)
    if bundle.defaults.route:
        yield ("defaults", "route"), bundle.defaults.route, every
    if bundle.unknown_tools.route:
        yield ("unknown_tools", "route"), bundle.unknown_tools.route, (bundle.unknown_tools.risk,)
    for number, each in enumerate(bundle.classes):
        if each.route:
            yield ("classes", number, "route"), each.route, (each.risk,)
    for number, rule in enumerate(bundle.rules):
        if rule.route:
            yield ("rules", number, "route"), rule.route, _risks(bundle, rule)


def _risks(bundle: Bundle, rule: Rule) -> tuple[Risk, ...]:
    matched = tuple(each.risk for each in matched_classes(bundle, rule))
    return matched if rule.match.classes else (*matched, bundle.unknown_tools.risk)


def _routes(bundle: Bundle) -> Iterator[Problem]:
    for path, route, risks in _all_routes(bundle):
        for at, need in enumerate(route.needs):
            for rung, step in enumerate(need.escalation):
                if step.after >= route.timeout:
                    yield Problem(
                        (*path, "needs", at, "escalation", rung, "after"),
                        "escalation-too-late",
                        "nobody is left to ask once the hold has timed out; "
                        "escalate before `timeout`.",
                    )
        if route.on_timeout is Verdict.STEP_UP:
            yield Problem(
                (*path, "on_timeout"),
                "on-timeout-step-up",
                "a hold that timed out cannot be held again; write BLOCK or ALLOW.",
            )
        if route.on_timeout is Verdict.ALLOW and {Risk.HIGH, Risk.CRITICAL}.intersection(risks):
            yield Problem(
                (*path, "on_timeout"),
                "open-on-timeout",
                "silence may not allow actions of high or critical risk; write BLOCK.",
            )
    yield from _missing_routes(bundle)


def _missing_routes(bundle: Bundle) -> Iterator[Problem]:
    sentence = "can hold actions, but says nobody to ask; give it a `route`, or set defaults.route."
    for number, each in enumerate(bundle.classes):
        holds = each.verdict is Verdict.STEP_UP or (
            each.verdict is Verdict.BLOCK and (each.stage or bundle.stage) is Stage.PROGRESSIVE
        )
        if holds and not (each.route or bundle.defaults.route):
            yield Problem(("classes", number), "no-route", f"the class {each.id} {sentence}")
    for number, rule in enumerate(bundle.rules):
        if routes_needed(bundle, rule):
            yield Problem(("rules", number), "no-route", f"the rule {rule.id} {sentence}")
    unknown = bundle.unknown_tools
    enforced = (unknown.stage or bundle.stage) is not Stage.OBSERVE
    if enforced and not (unknown.route or bundle.defaults.route):
        yield Problem(("unknown_tools",), "no-route", f"unknown_tools {sentence}")


def _rules(bundle: Bundle) -> Iterator[Problem]:
    for number, rule in enumerate(bundle.rules):
        path: Path = ("rules", number)
        if rule.verdict is Verdict.ALLOW:
            yield Problem(
                (*path, "verdict"),
                "rule-allows",
                "a rule can only make the answer stricter; write STEP_UP or BLOCK here, and "
                "describe what is fine with `unless`.",
            )
        if rule.on_error is Verdict.ALLOW and set(_risks(bundle, rule)) != {Risk.LOW}:
            yield Problem(
                (*path, "on_error"),
                "open-on-error",
                "a rule that cannot be evaluated may only allow actions of low risk; write "
                "STEP_UP or BLOCK, or match only classes of low risk.",
            )
