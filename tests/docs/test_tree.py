"""What we keep says nothing about the machine it was made on."""

import configparser
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from tests.docs.pages import ROOT, tracked

_ELSEWHERE = re.compile(r"(?<![\w./~-])/(?:home|root|Users|work|opt|mnt|srv)/[\w.-]+")
_INDEX = re.compile(r"--(?:extra-)?index-url|--find-links|--trusted-host", re.IGNORECASE)
_CONFIGS = ("/etc/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf", "~/.config/uv/uv.toml")


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        try:
            found.append((path.relative_to(ROOT).as_posix(), path.read_text("utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def registries() -> set[str]:
    """Name the hosts this machine installs packages from, as far as it tells."""
    told = [value for name, value in os.environ.items() if re.match(r"(PIP|UV)_", name)]
    for config in _CONFIGS:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(Path(config).expanduser(), "utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        told += [value for section in parser.sections() for _, value in parser.items(section)]
    urls = re.findall(r"https?://[^\s\"',]+", "\n".join(told))
    return {str(urlsplit(url).hostname) for url in urls}


def test_no_file_names_a_registry() -> None:
    hosts = registries()
    assert [(name, host) for name, text in texts() for host in hosts if host in text] == []


def test_no_requirement_is_taken_from_somewhere_special() -> None:
    special = [
        name
        for name, text in texts()
        if name.startswith(("requirements/", "client/", "scripts/", "Makefile", "pyproject"))
        and _INDEX.search(text)
    ]
    assert special == []


def test_no_file_names_a_place_on_a_machine() -> None:
    named = [(name, hit[0]) for name, text in texts() for hit in _ELSEWHERE.finditer(text)]
    here = [(name, str(ROOT)) for name, text in texts() if str(ROOT) in text]
    assert named + here == []
