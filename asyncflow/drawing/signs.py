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


def sign_of_storage(at: Point) -> str:
    """A cylinder of 9 by 10, from its upper left corner."""
    x, y = round(at.x, 1), round(at.y, 1)
    return (
        f'<path class="storage" d="M{x} {y + 2:g}a4.5 2 0 0 1 9 0v6a4.5 2 0 0 1 -9 0zM{x} {y + 2:g}a4.5 2 0 0 0 9 0"/>'
    )


def badge(counts: Mapping[str, int], corner: Point) -> str:
    """Signs and numbers on the upper right corner of a box."""
    shown = {state: str(count) for state, count in counts.items() if count}
    if not shown:
        return ""
    widths = {state: _SIGN + width_of(count, _FONT) for state, count in shown.items()}
    width = sum(widths.values()) + _BESIDE * (len(shown) + 1)
    left, top = round(corner.x + 6 - width, 1), round(corner.y - _HEIGHT / 2, 1)
    content = f'<rect x="{left:g}" y="{top:g}" width="{width:.1f}" height="{_HEIGHT:g}" rx="{_HEIGHT / 2:g}"/>'
    x = left + _BESIDE
    for state, count in shown.items():
        content += _sign(state, x, top + 4)
        content += f'<text class="small" x="{x + _SIGN:.1f}" y="{top + 12:.1f}">{count}</text>'
        x += widths[state] + _BESIDE
    return f'<g class="badge">{content}</g>'


def _sign(state: str, x: float, y: float) -> str:
    word = "".join(character if character.isalnum() else "-" for character in state)
    place = f'transform="translate({x:.1f} {y:.1f})"'
    if state in _STROKES:
        return f'<path class="sign {word}" {place} d="{_STROKES[state]}"/>'
    return f'<circle class="sign disc {word}" {place} cx="4" cy="4" r="3.5"/>'
