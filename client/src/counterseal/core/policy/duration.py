"""Durations as people write them: ``30m``, ``2h``, ``7d``, ``1h30m``."""

import re

DURATION_KEYS = frozenset(
    {"timeout", "remind_every", "after", "window", "grant_ttl", "receipt_ttl", "retention"}
)
"""The fields of a bundle that hold one. They are stored as whole seconds."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WHOLE = re.compile(r"(?:[0-9]{1,7}[smhd])+")
_PART = re.compile(r"([0-9]+)([smhd])")


def seconds(text: str) -> int | None:
    """Read ``30m`` as 1800; None if ``text`` is not a duration."""
    if not _WHOLE.fullmatch(text):
        return None
    return sum(int(count) * _SECONDS[unit] for count, unit in _PART.findall(text))
