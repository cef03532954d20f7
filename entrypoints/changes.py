"""What changed when a bundle came into force: told from the two bundles, never from a claim."""

import asyncio
import json
from collections.abc import Sequence
from functools import lru_cache

from counterseal.core.policy.changes import Changes, changes
from counterseal.core.review import ActivationLine
from domain.ports import FactSource


async def with_changes(
    facts: FactSource, tenant: str, lines: Sequence[ActivationLine]
) -> tuple[ActivationLine, ...]:
    """Say of each activation which rules, classes and other parts of policy it changed."""
    return tuple([await _with_changes(facts, tenant, line) for line in lines])


async def _with_changes(facts: FactSource, tenant: str, line: ActivationLine) -> ActivationLine:
    try:
        old = await facts.bundle(tenant, line.replaces) if line.replaces else b"{}"
        new = await facts.bundle(tenant, line.digest)
    except KeyError:  # not in the read model; what is recorded of it stays in the log
        return line
    # Large bundles take a while to read, and nobody's hold should have to wait for it.
    found = await asyncio.to_thread(_changes, old, new)
    return line.model_copy(
        update={
            "rules_added": found.rules.added,
            "rules_removed": found.rules.removed,
            "rules_changed": found.rules.changed,
            "classes_added": found.classes.added,
            "classes_removed": found.classes.removed,
            "classes_changed": found.classes.changed,
            "parts_changed": found.parts,
        }
    )


@lru_cache(maxsize=256)
def _changes(old: bytes, new: bytes) -> Changes:
    return changes(json.loads(old), json.loads(new))
