"""Whatever fits the published schema, and much that does not, is answered and never breaks us."""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from entrypoints.api import build
from entrypoints.settings import Settings
from tests.abuse.world import BUNDLE, LEAKS, World

EXAMPLES = 12
AGENTS = ("/v1/actions", "withdrawal", "redemption", "receipt")
PUBLISHED = schemathesis.openapi.from_dict(build(Settings(database_url="")).openapi())
OPERATIONS = [found.ok() for found in PUBLISHED.get_all_operations() if isinstance(found, Ok)]


@pytest.fixture(scope="module")
def keys(world: World) -> dict[str, str]:
    """A tenant of its own, where anything may be broken."""
    body = {"files": {"bundle.yaml": BUNDLE}}
    made = world.operator.http.post("/v1/rehearsals", json=body).json()
    operator = world.cast.caller(made["operator_key"])
    approver = operator.http.post("/v1/keys", json={"role": "approver", "subject": "people-1"})
    return {
        "agent": made["agent_key"],
        "operator": made["operator_key"],
        "approver": approver.json()["secret"],
    }


@pytest.mark.parametrize("mode", [*GenerationMode], ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.label)
def test_every_route_answers_whatever_it_is_sent(
    world: World, keys: dict[str, str], operation: Any, mode: GenerationMode
) -> None:
    role = "approver" if operation.path.endswith("votes") else "operator"
    if operation.method.upper() == "POST" and operation.path.endswith(AGENTS):
        role = "agent"
    headers = {"Authorization": f"Bearer {keys[role]}"}

    def check(case: Any) -> None:
        answer = case.call(base_url=world.cast.stack.url, headers=headers, timeout=10)
        assert answer.status_code < 500, answer.text[:300]
        if answer.headers.get("content-type") == ["application/zip"]:
            return  # evidence, asked for rightly
        assert not any(leak in answer.text for leak in LEAKS)
        if answer.status_code >= 400:
            kind = answer.headers["content-type"][0]
            unheard = answer.text == "Invalid HTTP request received."  # not HTTP, so not ours
            assert kind == "application/problem+json" or unheard

    bounded: Callable[[Any], Any] = settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    bounded(given(case=operation.as_strategy(generation_mode=mode))(check))()
