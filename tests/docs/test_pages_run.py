"""What our pages tell readers to do works, in order, and prints what they say."""

import itertools
import re
import shutil
from concurrent.futures import Future

import pytest

from counterseal.core.action import action_id
from tests.docs.conftest import Staged
from tests.docs.pages import GUIDES, PAGES, ROOT, Block, blocks, named
from tests.docs.scene import AGENT, ORDERS, Played, unmet

NEEDS_CURL = [
    page
    for page in GUIDES
    if any("curl " in each.text for each in blocks(ROOT / page) if each.runs)
]
PROGRAMS = [
    block for page in PAGES for block in blocks(page) if block.language == "python" and block.runs
]


@pytest.mark.parametrize("page", GUIDES)
def test_a_guide_can_be_followed_from_top_to_bottom(
    page: str, played: dict[str, Future[Played]]
) -> None:
    if page in NEEDS_CURL and shutil.which("curl") is None:
        pytest.skip("curl is not installed here")
    done = played[page].result()
    for step, shown in itertools.pairwise(blocks(ROOT / page)):
        if step.runs and step.language == "sh" and shown.language == "text":
            printed = done.printed[step.where]
            missing = unmet(done.scene.here(shown.text), printed)
            told = "\n".join(printed)
            assert missing == [], f"{shown.where}: expected {missing[0]!r} in\n{told}"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda block: block.where)
def test_a_program_on_a_page_runs(program: Block, staged: Staged) -> None:
    staged(f"{program.page.stem}-{program.line}").run_python(program)


def test_the_readme_tells_the_chapters_of_the_demo() -> None:
    played = (ROOT / "entrypoints" / "demo.py").read_text("utf-8")
    told = re.findall(r"^\d\. (.+)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert told
    assert [chapter for chapter in told if chapter not in played] == []


def test_there_is_something_to_run() -> None:
    assert len(PROGRAMS) >= 2
    for page in GUIDES:
        assert any(block.runs for block in blocks(ROOT / page)), page


@pytest.mark.parametrize("page", GUIDES)
def test_the_actions_a_guide_names_are_those_a_reader_gets(page: str) -> None:
    named_there = set(re.findall(r"act_[0-9a-f]{32}", (ROOT / page).read_text("utf-8")))
    assert named_there <= {action_id("main", AGENT, key) for key in ORDERS}


@pytest.mark.parametrize("page", GUIDES)
def test_every_shell_block_of_a_guide_is_run(page: str) -> None:
    assert [
        each.where for each in blocks(ROOT / page) if each.language == "sh" and not each.runs
    ] == []


def test_only_guides_are_run_as_shell() -> None:
    others = [page for page in PAGES if named(page) not in GUIDES]
    ran = [
        each.where
        for page in others
        for each in blocks(page)
        if each.language == "sh" and each.runs
    ]
    assert ran == []
