"""How wide text is, and how it is fitted: shortened, or broken into lines."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_ASCII = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
"""Thousandths of the font's size, from space to tilde: Helvetica, and so Arial and Liberation Sans."""

_WIDE = 1000
_OTHER = 780
_ELLIPSIS = "…"
_BREAKS = re.compile(r"(?<=_)(?=[^_])|(?<=[a-z0-9])(?=[A-Z])|(?<=[- ./])")


def width_of(text: str, size: float) -> float:
    return sum(map(_thousandths, text)) * size / 1000


def _thousandths(character: str) -> int:
    code = ord(character)
    if 32 <= code < 127:
        return _ASCII[code - 32]
    if unicodedata.combining(character):
        return 0
    return _WIDE if character == _ELLIPSIS or unicodedata.east_asian_width(character) in "WF" else _OTHER


def shortened(text: str, most: int) -> str:
    """The text in at most so many characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + _ELLIPSIS


def broken(name: str, most: int) -> tuple[str, ...]:
    """A name in lines of at most so many characters, broken where its words meet, if they do."""
    lines = [""]
    for piece in _pieces(name, most):
        if lines[-1] and len(lines[-1]) + len(piece) > most:
            lines.append("")
        lines[-1] += piece
    return tuple(line.strip() for line in lines)


def _pieces(name: str, most: int) -> Iterator[str]:
    for word in _BREAKS.split(name):
        yield from (word[start : start + most] for start in range(0, len(word), most))
