"""Policy bundles as directories: ``bundle.yaml``, more ``*.yaml`` beside it, and ``cases/``."""

import os
from collections.abc import Iterator
from pathlib import Path

from counterseal.core.policy.bundle import Bundle
from counterseal.core.policy.case_files import parse_cases
from counterseal.core.policy.cases import Case
from counterseal.core.policy.complaint import BundleRefused, Complaint
from counterseal.core.policy.files import ROOT
from counterseal.core.policy.load import parse_bundle
from counterseal.core.policy.source import place_of, read


def read_bundle(directory: Path) -> Bundle:
    """Read the bundle in ``directory`` and what it includes. Raises ``BundleRefused``."""
    return parse_bundle(read_files(directory))


def read_cases(directory: Path) -> tuple[Case, ...]:
    """Read the cases of a bundle and of what it includes. Raises ``BundleRefused``."""
    return parse_cases(
        {
            _name(directory, file): _text(directory, file)
            for each in _directories(directory)
            for file in sorted((each / "cases").glob("*.yaml"))
        }
    )


def read_files(directory: Path) -> dict[str, str]:
    """Read the files of a bundle: name relative to ``directory`` to text."""
    return {
        _name(directory, file): _text(directory, file)
        for each in _directories(directory)
        for file in sorted(each.glob("*.yaml"))
    }


def _directories(directory: Path) -> list[Path]:
    """List ``directory`` and everything it includes, each once."""
    found: list[Path] = []
    waiting = [directory]
    while waiting:
        each = Path(os.path.normpath(waiting.pop()))
        if each not in found:
            found.append(each)
            waiting += [each / name for name in _included(directory, each)]
    return found


def _included(root: Path, directory: Path) -> Iterator[str]:
    chief = directory / ROOT
    if not chief.is_file():
        return
    name = _name(root, chief)
    source = read(name, _text(root, chief))
    listed = source.value.get("include", []) if isinstance(source.value, dict) else []
    for number, each in enumerate(listed if isinstance(listed, list) else [listed]):
        if isinstance(each, str) and (directory / each / ROOT).is_file():
            yield each
            continue
        place = place_of(source.places, ("include", number))
        line, column = place.at() if place else (1, 1)
        raise BundleRefused(
            (
                Complaint(
                    file=name,
                    line=line,
                    column=column,
                    code="include-not-found",
                    where=f"include[{number}]",
                    sentence=f"{each!r} is no directory with a {ROOT}, seen from {directory}.",
                ),
            )
        )


def _name(root: Path, file: Path) -> str:
    return Path(os.path.relpath(file, root)).as_posix()


def _text(root: Path, file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise BundleRefused(
            (
                Complaint(
                    file=_name(root, file),
                    line=1,
                    column=1,
                    code="not-utf-8",
                    where="",
                    sentence=f"byte {error.start} is not UTF-8; save the file as UTF-8.",
                ),
            )
        ) from error
