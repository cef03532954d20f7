"""Why policy answered as it did: rules, clauses with values and thresholds, facts."""

from counterseal.core.canonical import Json
from domain.evidence.page.html import Markup, element, folded, joined, pairs, verbatim
from domain.evidence.page.quotes import quote, theirs
from domain.evidence.telling.outline import compact, outline
from domain.evidence.telling.reading import entries, find, items, text, texts


def reasons(decision: Json) -> Markup:
    """Write out a decision: what it says and does, by which rules, from which facts."""
    fired, near = items(decision, "fired"), items(decision, "near_misses")
    determining = {*texts(decision, "determining")}
    bundle = find(decision, "bundle")
    name = f"{text(bundle, 'name')} {text(bundle, 'version')}".strip()
    return joined(
        [
            pairs(
                ("Does", theirs(text(decision, "effective"))),
                ("Would do, enforced", theirs(text(decision, "verdict"))),
                ("Class", theirs(text(decision, "action_class") or "no class claims the tool")),
                ("Risk", theirs(text(decision, "risk"))),
                ("Stage", theirs(text(decision, "stage"))),
                ("Determined by", theirs(", ".join(texts(decision, "determining")))),
                ("Policy", theirs(name)),
                ("Policy digest", theirs(text(bundle, "digest"))),
            ),
            quote("What the agent was told:", text(decision, "for_agent")),
            folded(
                f"Rules that fired ({len(fired):,})",
                *(_rule(each, text(each, "rule") in determining) for each in fired),
                class_="more why",
            )
            if fired
            else None,
            folded(
                f"Rules that just missed ({len(near):,})",
                *(_rule(each, determined=False) for each in near),
            )
            if near
            else None,
            folded(
                "Facts it was judged by",
                element("p", f"Digest: {text(decision, 'facts_digest')}", class_="hash"),
                verbatim(outline(find(decision, "facts"))),
            ),
        ]
    )


def _rule(rule: Json, determined: bool) -> Markup:  # noqa: FBT001 - named at both calls
    verdict, effective = text(rule, "verdict"), text(rule, "effective")
    stage = text(rule, "stage")
    does = f"says {verdict}" if verdict == effective else f"says {verdict}, does {effective}"
    notes = [does, f"stage {stage}"]
    notes += ["this decided"] if determined else []
    notes += (
        ["could not be evaluated, so its on_error verdict counts"]
        if find(rule, "erred") is True
        else []
    )
    return element(
        "div",
        element("p", theirs(text(rule, "rule")), " ", element("b", text(rule, "title"))),
        element("p", "; ".join(notes) + "."),
        pairs(
            ("Owner", theirs(text(rule, "owner"))),
            ("Controls", theirs(", ".join(texts(rule, "controls")))),
            ("Message", theirs(text(rule, "message"))),
        ),
        *(_clause(each) for each in items(rule, "clauses")),
        class_="rule",
    )


def _clause(clause: Json) -> Markup:
    holds = find(clause, "holds")
    state = "could not be read" if holds is None else "holds" if holds is True else "does not hold"
    said = f"{text(clause, 'section')}: "
    reads, against = entries(clause, "readings"), entries(clause, "thresholds")
    return element(
        "div",
        element("p", said, theirs(text(clause, "name")), f" — {state}."),
        pairs(
            ("Read", theirs("; ".join(f"{name} = {compact(one)}" for name, one in reads.items()))),
            (
                "Against",
                theirs("; ".join(f"{name} = {compact(one)}" for name, one in against.items())),
            ),
            ("Error", theirs(text(clause, "error"))),
        ),
    )
