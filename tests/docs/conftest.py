"""A scene for each page: a tenant as ``make up`` leaves it, in a folder that looks like ours."""

import asyncio
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from entrypoints.bootstrap import bootstrap
from entrypoints.stack import Stack
from tests.docs.pages import ROOT
from tests.docs.scene import Scene

Staged = Callable[[str], Scene]


@pytest.fixture
def staged(stack: Stack, tmp_path: Path) -> Staged:
    """Make the scene of a page. No page meets what another one, or another test, has left."""

    def stage(tenant: str) -> Scene:
        (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
        shutil.copytree(ROOT / "policies", tmp_path / "policies")
        kept = tmp_path / ".counterseal" / "keys.json"
        kept.parent.mkdir()
        keys = asyncio.run(
            bootstrap(
                stack.postgres.dsn,
                kept,
                ROOT / "policies" / "starter",
                ROOT / "policies" / "roster.yaml",
                tenant,
            )
        )
        return Scene(stack.url, tenant, tmp_path, keys)

    return stage
