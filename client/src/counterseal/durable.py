"""Files that survive a crash: whole or not there, and on the disk before anything is said."""

import errno
import os
from pathlib import Path

_DIRECTORIES_CANNOT = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}
"""How file systems say that a directory is nothing to flush: mounted object stores have none."""


def replace(path: Path, content: bytes) -> None:
    """Put ``content`` in the place of whatever ``path`` held; a crash leaves one of the two."""
    beside = path.with_name(f".{path.name}.new")
    _write(beside, os.O_TRUNC, content)
    os.replace(beside, path)  # noqa: PTH105 - the system calls of this module are meant to be seen
    settle(path.parent)


def create(path: Path, content: bytes) -> None:
    """Write a file that was not there; nothing is renamed or overwritten.

    Raises ``FileExistsError``. A crash, or a full disk, may leave a part of the content there.
    """
    _write(path, os.O_EXCL, content)
    settle(path.parent)


def settle(folder: Path) -> None:
    """Flush the names in a folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _DIRECTORIES_CANNOT:
            raise
    finally:
        os.close(handle)


def _write(path: Path, how: int, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)
