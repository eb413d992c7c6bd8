"""Little signs: the cylinder of a storage, and the badge that counts a node's instances by state."""

from __future__ import annotations

from collections.abc import Mapping

from asyncflow.drawing.lettering import width_of
from asyncflow.drawing.picture import Point

_FONT = 11.0
_SIGN = 12.0
_BESIDE = 6.0
_HEIGHT = 16.0

_STROKES: Mapping[str, str] = {
    "succeeded": "M0 4l3 3l5 -6",
    "failed": "M1 1l6 6m0 -6l-6 6",
    "cancelled": "M0 4h8",
    "paused": "M2 1v6m4 -6v6",
    "reused": "M0 2.5h8m-8 3h8",
    "retrying": "M7.5 4a3.5 3.5 0 1 1 -1.2 -2.6",
}
"""In a square of 8; any other state is a disc."""


MARKS: Mapping[str, str] = {
    "wait": "m0 1.5h11v7.5h-11zl5.5 4.3l5.5 -4.3",
    "delay": "m0.5 5a5 5 0 1 1 10 0a5 5 0 1 1 -10 0m5 -3v3l2.2 1.6",
}
"""An envelope, for what a signal brings, and a clock."""


def sign_of_storage(at: Point) -> str:
    """A cylinder of 9 by 10, from its upper left corner."""
    x, y = round(at.x, 1), round(at.y, 1)
    return (
        f'<path class="storage" d="M{x} {y + 2:g}a4.5 2 0 0 1 9 0v6a4.5 2 0 0 1 -9 0zM{x} {y + 2:g}a4.5 2 0 0 0 9 0"/>'
    )


def sign_of_wait(kind: str, at: Point) -> str:
    """What a wait or a delay is known by, 11 wide and 10 high, from its upper left corner."""
    return f'<path class="mark" d="M{round(at.x, 1):g} {round(at.y, 1):g}{MARKS[kind]}"/>'


def badge(counts: Mapping[str, int], centre: Point, room: float) -> str:
    """Signs and numbers in a row, made smaller where the room is too narrow."""
    shown = {state: short(count) for state, count in counts.items() if count}
    if not shown:
        return ""
    widths = {state: _SIGN + width_of(count, _FONT) for state, count in shown.items()}
    width = sum(widths.values()) + _BESIDE * (len(shown) + 1)
    content = f'<rect x="{-width / 2:.1f}" y="{-_HEIGHT / 2:g}" width="{width:.1f}" height="{_HEIGHT:g}" rx="{_HEIGHT / 2:g}"/>'
    x = _BESIDE - width / 2
    for state, count in shown.items():
        content += _sign(state, x, -4)
        content += f'<text class="small" x="{x + _SIGN:.1f}" y="4">{count}</text>'
        x += widths[state] + _BESIDE
    scale = f" scale({room / width:.2f})" if width > room else ""
    return f'<g class="badge" transform="translate({centre.x:.1f} {centre.y:.1f}){scale}">{content}</g>'


def short(count: int) -> str:
    """A number in at most four characters, as long as it is below a billion."""
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if count >= unit:
            whole = f"{count / unit:.1f}" if count < 10 * unit else str(count // unit)
            return f"{whole.removesuffix('.0')}{name}"
    return str(count)


def _sign(state: str, x: float, y: float) -> str:
    word = "".join(character if character.isalnum() else "-" for character in state)
    place = f'transform="translate({x:.1f} {y:.1f})"'
    if state in _STROKES:
        return f'<path class="sign {word}" {place} d="{_STROKES[state]}"/>'
    return f'<circle class="sign disc {word}" {place} cx="4" cy="4" r="3.5"/>'
