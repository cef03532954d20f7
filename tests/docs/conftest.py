"""A scene for each page: a tenant as ``make up`` leaves it, in a folder that looks like ours."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from entrypoints.bootstrap import bootstrap
from entrypoints.stack import Stack
from tests.docs.pages import GUIDES, ROOT, blocks
from tests.docs.scene import Played, Scene

Staged = Callable[[str], Scene]


@pytest.fixture(scope="session")
def staged(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Staged:
    """Make a scene. No page meets what another one, or another test, has left."""

    def stage(name: str) -> Scene:
        folder, tenant = tmp_path_factory.mktemp(name), f"docs-{name}"
        (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
        shutil.copytree(ROOT / "policies", folder / "policies")
        kept = folder / ".counterseal" / "keys.json"
        kept.parent.mkdir()
        keys = asyncio.run(
            bootstrap(stack.postgres.dsn, kept, stack.policies, stack.roster, tenant)
        )
        return Scene(stack.url, tenant, folder, keys)

    return stage


@pytest.fixture(scope="session")
def played(staged: Staged) -> Iterator[dict[str, Future[Played]]]:
    """Play all guides, two at a time: each is a long row of short programs."""

    def play(page: str) -> Played:
        scene = staged(Path(page).stem.lower())
        return Played(scene, scene.play(blocks(ROOT / page)))

    with ThreadPoolExecutor(2) as stages:
        yield {page: stages.submit(play, page) for page in GUIDES}
