"""Lines of a file with something underlined, as people read them in a terminal."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

from asyncflow.errors import Place

_LINES_BEFORE = 2
_WIDEST = 160


def excerpt(text: str, place: Place, words: str, *, mark: str, gutter: int) -> list[str]:
    """The line of a place and the two before it, underlined with `mark`; only what the file really has."""
    lines = text.splitlines()
    if place.line > len(lines):
        return []
    empty = f"{' ' * gutter} |"
    drawn = [empty]
    shift = _shift(lines[place.line - 1], place)
    shown = range(max(1, place.line - _LINES_BEFORE), place.line + 1)
    drawn += [f"{number:>{gutter}} | {_window(lines[number - 1], shift)}".rstrip() for number in shown]
    drawn.append(f"{empty} {_underline(lines[place.line - 1], place, shift, mark)} {words}".rstrip())
    return drawn


def _shift(line: str, place: Place) -> int:
    """How much of a very long line is left out at its beginning."""
    return 0 if len(line) <= _WIDEST else max(0, place.column - _WIDEST // 2)


def _window(line: str, shift: int) -> str:
    shown = "".join(character if character.isprintable() else " " for character in line[shift : shift + _WIDEST])
    before = "…" if shift and shown else ""
    after = "…" if len(line) > shift + _WIDEST else ""
    return f"{before}{shown}{after}"


def _underline(line: str, place: Place, shift: int, mark: str) -> str:
    end = place.end_column - 1 if place.end_line == place.line else len(line.rstrip())
    start = place.column - 1
    end = min(max(end, start + 1), shift + _WIDEST)
    return " " * (_width(line[shift:start]) + bool(shift)) + mark * max(1, _width(line[start:end]))


def _width(text: str) -> int:
    """How many columns a terminal needs for a text."""
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)
