"""One world for all abuse tests: the session's stack, with the people who may not."""

from collections.abc import Iterator

import pytest

from tests.abuse.world import World
from tests.support.stack import Cast


@pytest.fixture(scope="session")
def world(cast: Cast) -> Iterator[World]:
    """Bring on the people who may not."""
    everyone = World(cast, cast.stack.postgres.dsn)
    yield everyone
    everyone.close()
