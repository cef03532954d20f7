"""What a package says of itself to whoever opens it first."""

from collections.abc import Mapping

from counterseal.core.canonical import Json
from domain.evidence.contents import Contents
from domain.evidence.telling.inert import inert

_TEXT = """\
This is an evidence package of Counterseal: what AI agents asked to do, what policy and people
answered and why, and what ran.

    log           {log}
    about         {about}
    as of         {size} events of the log
    profile       {profile}; {withheld} of {count} events are there by their hash only
    requested by  {by}
    at            {at}

Open timeline.html to read it. Nothing in it is loaded from anywhere.

To check it, take counterseal_verify.py and a trust file from somebody you believe, not from here;
it takes Python and nothing else, and no network:

    python counterseal_verify.py PACKAGE.zip --trust trust.txt

verify.py and keys.txt in this archive are copies for your convenience. Whoever made a false package
would have put false ones here.

    statement.dsse.json  the signed list of all other files
    checkpoint           the log's signed checkpoint, with the cosignatures of its witnesses
    events.jsonl         the events, each with the proof that it is in the log
    policy/              the policies that judged
    ocsf.jsonl           the same events for a SIEM (OCSF 1.8.0)
    timeline.html        the same events for people
"""


def readme(contents: Contents) -> str:
    """Write ``README.txt``."""
    return _TEXT.format(
        log=contents.tree.log,
        about=inert(scope_text(contents.gathered.scope)),
        size=contents.tree.size,
        profile=contents.taking.profile,
        withheld=contents.gathered.withheld,
        count=len(contents.gathered.leaves),
        by=contents.taking.by,
        at=contents.taking.at,
    )


def scope_text(scope: Mapping[str, Json]) -> str:
    """Say what a package is about."""
    filters = scope.get("filters")
    fitting = _filters(filters) if isinstance(filters, Mapping) else ""
    if scope.get("kind") == "period":
        only = f", of actions with {fitting}" if fitting else ""
        return f"everything recorded from {scope.get('since')} to {scope.get('until')}{only}"
    named = scope.get("action_ids")
    ids = named if isinstance(named, list | tuple) else ()
    if fitting:
        return f"{len(ids)} actions with {fitting}"
    return str(ids[0]) if len(ids) == 1 else f"{len(ids)} actions"


def _filters(filters: Mapping[str, Json]) -> str:
    return ", ".join(
        f"{name}={'/'.join(map(str, value)) if isinstance(value, list | tuple) else value}"
        for name, value in sorted(filters.items())
    )
