"""The SDK and the command run on the session's real stack, each module in a tenant of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from entrypoints.stack import Stack
from tests.support.stack import Cast, troupe


@pytest.fixture(scope="module", name="cast")
def own_cast(
    stack: Stack, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cast]:
    """Bring a cast of its own on stage."""
    tenant = Path(str(request.path)).stem.replace("_", "-")
    with troupe(stack, tenant, Path(tmp_path_factory.mktemp("keys")) / "keys.json") as cast:
        yield cast
