"""Tool patterns: ``*`` stands for any characters, ``?`` for one; case matters."""

from collections import deque
from collections.abc import Iterable
from fnmatch import fnmatchcase


def fits(tool: str, patterns: Iterable[str]) -> bool:
    """Say whether any of ``patterns`` covers ``tool``."""
    return any(fnmatchcase(tool, pattern) for pattern in patterns)


def specificity(pattern: str) -> tuple[bool, int, int]:
    """Order patterns from broad to specific.

    A plain name beats every pattern, then the longer text before the first wildcard wins, then
    the more text in all.
    """
    literal = pattern.replace("*", "").replace("?", "")
    prefix = min((pattern.index(sign) for sign in "*?" if sign in pattern), default=len(pattern))
    return (literal == pattern, prefix, len(literal))


def shared(one: str, other: str) -> str | None:
    """Name a tool that both patterns cover, None if there is none."""
    seen = {(0, 0)}
    queue: deque[tuple[int, int, str]] = deque([(0, 0, "")])
    while queue:
        i, j, word = queue.popleft()
        if i == len(one) and j == len(other):
            return word or "x"
        for step in _steps(one, i, other, j, word):
            if step[:2] not in seen:
                seen.add(step[:2])
                queue.append(step)
    return None


def _steps(one: str, i: int, other: str, j: int, word: str) -> Iterable[tuple[int, int, str]]:
    left, right = one[i : i + 1], other[j : j + 1]
    if left == "*":
        yield i + 1, j, word
        if right and right != "*":
            yield i, j + 1, word + _letter(right)
    if right == "*":
        yield i, j + 1, word
        if left and left != "*":
            yield i + 1, j, word + _letter(left)
    if left and right and "*" not in (left, right) and (left == right or "?" in (left, right)):
        yield i + 1, j + 1, word + _letter(left if right == "?" else right)


def _letter(sign: str) -> str:
    return "x" if sign == "?" else sign
