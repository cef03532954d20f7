"""Whom Postgres runs as when we are root: it refuses to be root itself."""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NAME = "counterseal"
_EXECUTE = stat.S_IXOTH
_READ = stat.S_IROTH


@dataclass(frozen=True, slots=True)
class Servant:
    """An operating system user without any rights of its own."""

    uid: int
    gid: int

    def as_options(self) -> dict[str, Any]:
        """Say to ``subprocess`` that the command runs as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def find_servant(binaries: Path, data_dir: Path) -> Servant | None:
    """Find or make the user to run as, and let it reach its files; nobody if we are not root."""
    if os.geteuid() != 0:
        return None
    user = _find_user(_NAME) or _make_user() or _find_user("postgres")
    if user is None:
        raise PermissionError(
            "Postgres does not run as root and no user could be made for it; "
            f"run `useradd --system {_NAME}`, or start as another user."
        )
    _open_way_to(data_dir)
    _open_way_to(binaries)
    if not (binaries / "postgres").stat().st_mode & _EXECUTE:
        _open(binaries.parent)
    return Servant(user.pw_uid, user.pw_gid)


def _find_user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _make_user() -> pwd.struct_passwd | None:
    command = shutil.which("useradd")
    if command is None:
        return None
    subprocess.run(  # noqa: S603 - a fixed command
        [command, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _NAME],
        capture_output=True,
        check=False,
    )
    return _find_user(_NAME)


def _open_way_to(folder: Path) -> None:
    """Let others pass through, not look into, the folders above."""
    for above in (folder, *folder.parents):
        mode = above.stat().st_mode
        if not mode & _EXECUTE:
            above.chmod(stat.S_IMODE(mode) | _EXECUTE)


def _open(folder: Path) -> None:
    for each in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(each.stat().st_mode)
        may_run = each.is_dir() or mode & stat.S_IXUSR
        each.chmod(mode | _READ | (_EXECUTE if may_run else 0))
