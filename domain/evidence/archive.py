"""The one ZIP archive that a set of files makes: nothing in it depends on when or by whom."""

from collections.abc import Mapping
from io import BytesIO
from zipfile import ZipFile, ZipInfo

from counterseal.core.packages import LARGEST_PACKAGE
from domain.evidence.refusals import EvidenceTooLarge

_ON_UNIX = 3
_MODE = 0o644


def pack(files: Mapping[str, bytes]) -> bytes:
    """Write the archive. Raises ``EvidenceTooLarge``."""
    if sum(len(content) for content in files.values()) > LARGEST_PACKAGE:
        raise EvidenceTooLarge
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = ZipInfo(name)  # 1980-01-01 00:00:00, stored
            entry.create_system = _ON_UNIX
            entry.external_attr = _MODE << 16
            archive.writestr(entry, files[name])
    packed = buffer.getvalue()
    if len(packed) > LARGEST_PACKAGE:
        raise EvidenceTooLarge
    return packed
