"""Lists as lines: CSV that no spreadsheet mistakes for a formula, and JSON Lines.

The rule for CSV: text that begins with ``=``, ``+``, ``-`` or ``@``, a look-alike of one of them, a
tab or a line end, at once or after blanks, quotes and characters nobody sees, gets an apostrophe in
front, which spreadsheets take for "this is text". Control characters and those that reorder text
are written as JSON escapes, so that one record is one line. Numbers are numbers. Whoever needs the
exact text takes JSON Lines.
"""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from counterseal.core.canonical import Json

_FORMULA = frozenset("=+-@−‐‑‒–—―➕➖⁃˗")  # noqa: RUF001 - look-alikes are the point
_QUOTES = frozenset("\"'`´ʹʺʼˈˊˋ‘’‚‛“”„‟′″‵‶«»‹›＂＇｀")  # noqa: RUF001 - likewise
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
_UNSEEN = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}


def csv_line(cells: Iterable[Json]) -> str:
    """Write one line of CSV (RFC 4180), its text inert."""
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_NONNUMERIC).writerow([_cell(each) for each in cells])
    return written.getvalue()


def csv_row(columns: Sequence[str], row: Mapping[str, Json]) -> str:
    """Write the columns of ``row`` as one line of CSV."""
    return csv_line(row.get(name) for name in columns)


def json_line(row: Mapping[str, Json]) -> str:
    """Write ``row`` as one line of JSON: in ASCII, so that every reader finds the same lines."""
    return json.dumps(row, separators=(",", ":")) + "\n"


def inert(text: str) -> str:
    """Write text so that a spreadsheet shows it and does nothing else."""
    shown = "".join(_escape(each) if _is_unseen(each) else each for each in text)
    return f"'{shown}" if _is_formula(text) else shown


def _cell(value: Json) -> str | int | float:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case str():
            return inert(value)
        case list() | tuple():
            return inert("; ".join(each if isinstance(each, str) else str(each) for each in value))
        case _:
            return inert(json.dumps(value, separators=(",", ":")))


def _is_formula(text: str) -> bool:
    if text[:1] in {"\t", "\r", "\n"}:
        return True
    # Letter by letter: together, "=" and an overlay would become another letter than "=".
    plain = "".join(unicodedata.normalize("NFKC", each) for each in text)
    return next((each for each in plain if not _is_skipped(each)), "") in _FORMULA


def _is_skipped(character: str) -> bool:
    """Say whether a program that tidies text up may take this away from its front."""
    return (
        character in _QUOTES
        or character in _BLANK
        or character.isspace()
        or unicodedata.category(character) in _UNSEEN
        or unicodedata.combining(character) > 0
    )


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
