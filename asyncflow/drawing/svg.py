"""SVG: text for browsers and pages. The same picture gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from asyncflow.drawing.layout.routes import HEAD
from asyncflow.drawing.lettering import width_of
from asyncflow.drawing.picture import Box, Label, Line, Picture, Point, Straight
from asyncflow.drawing.signs import MARKS, badge, sign_of_storage, sign_of_wait
from asyncflow.drawing.sizes import (
    ABOVE_NAME,
    BAR,
    BAR_TO_LABEL,
    COUNTS,
    DOUBLE,
    FRAME,
    MARK,
    NAME_FONT,
    NAME_LINE,
    SMALL_FONT,
    SMALL_LINE,
    STACK,
    STORAGE_ICON,
    STORAGE_LINE,
)
from asyncflow.drawing.states import NodeState
from asyncflow.drawing.style import Style, is_round
from asyncflow.drawing.stylesheet import ROOT, plain_stylesheet, stylesheet

_ROUND = 8.0
_ROUNDEST = 17.0
"""Rounder corners would come off the lines that begin near them."""
_HALF_HEAD = 3.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Painting:
    """How a picture is shown. `plain` does without what only browsers know."""

    style: Style = field(default_factory=Style)
    states: Mapping[str, NodeState] = field(default_factory=dict)
    plain: bool = False


def svg_of(picture: Picture, painting: Painting) -> str:
    return "\n".join(_Svg(painting).lines(picture)) + "\n"


class _Svg:
    def __init__(self, painting: Painting) -> None:
        self._style = painting.style
        self._states = painting.states
        self._plain = painting.plain

    def lines(self, picture: Picture) -> Iterator[str]:
        width, height = number(picture.width), number(picture.height)
        css = (plain_stylesheet if self._plain else stylesheet)(self._style.rules())
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{ROOT}" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" aria-label="{_quoted(f"flow {picture.flow}")}">'
        )
        yield f"<title>{_escaped(f'flow {picture.flow}')}</title>"
        # Nothing in it needs to be escaped: what users give has passed a pattern.
        yield f"<style>\n{css}</style>"
        yield f'<rect class="background" width="{width}" height="{height}"/>'
        yield text("heading", Point(18, 25), picture.flow, NAME_FONT)
        # Frames lie below lines, and lines below what they lead to.
        for box in picture.boxes:
            if box.kind == "frame":
                yield self._box(box)
        for line in picture.lines:
            yield _line(line)
        for label in picture.labels:
            yield _label(label)
        for box in picture.boxes:
            if box.kind != "frame":
                yield self._box(box)
        yield "</svg>"

    def _box(self, box: Box) -> str:
        state = self._states.get(box.path) if box.path else None
        classes = [*box.classes, *([f"state-{_word(state.state)}"] if state else [])]
        title = box.title if state is None else f"{box.title}\n{_said(state)}"
        content = "".join((*self._borders(box), *_texts(box)))
        if state is not None and box.counted:
            content += _counts(box, state)
        node = f' data-node="{_quoted(box.path)}"' if box.path else ""
        return group(box.id, classes, title, content, node)

    def _borders(self, box: Box) -> Iterator[str]:
        centre = Point(box.x + box.width / 2, box.y + box.height / 2)
        radius = box.width / 2
        match box.kind:
            case "start":
                yield circle("border", centre, radius)
            case "end":
                yield circle("border", centre, radius - 1)
                yield circle("inside", centre, radius - 5)
            case "stop":
                yield octagon(centre, radius)
                yield f'<path class="inside" d="M{_at(centre.x - 4, centre.y)}h8"/>'
            case _:
                corner = self._corner(box)
                yield rectangle("border", box, corner)
                if box.kind == "flow":
                    yield rectangle("second", _inset(box, DOUBLE), max(0.0, corner - DOUBLE))

    def _corner(self, box: Box) -> float:
        wanted = is_round(self._style.of("flow" if box.kind == "frame" else box.kind))
        if wanted is None and box.kind in MARKS:
            wanted = True
        if wanted is None or box.kind == "frame":
            return _ROUND
        return min(box.height / 2, _ROUNDEST) if wanted else 0.0


def _said(state: NodeState) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in state.counts.items())
    return f"{state.state}: {counts}" if counts else state.state


def _counts(box: Box, state: NodeState) -> str:
    """In the last line of a box, or at the right of a frame's heading."""
    if box.kind == "frame":
        return badge(state.counts, Point(box.x + box.width - COUNTS.width / 2 - 6, box.y + 14), COUNTS.width)
    border = DOUBLE if box.kind == "flow" else 0.0
    bottom = box.y + box.height - border - ABOVE_NAME
    return badge(state.counts, Point(box.x + box.width / 2, bottom - COUNTS.height / 2 + 2), box.width - 16)


def _texts(box: Box) -> Iterator[str]:
    """Name and storage, in the middle of a box or at the top of a frame."""
    if box.kind == "frame":
        for place, line in enumerate(box.lines):
            yield text("name", Point(box.x + FRAME, box.y + 18 + NAME_LINE * place), line, NAME_FONT)
        return
    if not box.lines:
        return
    rows = NAME_LINE * len(box.lines) + STORAGE_LINE * (bool(box.storage) + bool(box.note))
    counts = COUNTS.height if box.counted else 0.0
    middle = box.x + box.width / 2
    y = box.y + (box.height - rows - counts) / 2
    for place, line in enumerate(box.lines):
        yield text("name", Point(middle, y + NAME_LINE * place + 12.7), line, NAME_FONT)
    if box.note:
        mark = MARK if box.kind in MARKS else 0.0
        if mark:
            left = middle - (mark + width_of(box.note, SMALL_FONT)) / 2
            yield sign_of_wait(box.kind, Point(left, y + rows - 14))
        yield text("note", Point(middle + mark / 2, y + rows - 4.5), box.note, SMALL_FONT)
    if box.storage:
        left = middle - (STORAGE_ICON + width_of(box.storage, SMALL_FONT)) / 2
        base = y + NAME_LINE * len(box.lines) + 12.5
        yield sign_of_storage(Point(left, base - 9))
        yield text("small", Point(left + STORAGE_ICON, base), box.storage, SMALL_FONT)


def _label(label: Label) -> str:
    content = []
    middle, top = label.x + label.width / 2, label.y
    if label.has_bar:
        content.append(_rect("bar", (middle - BAR.width / 2, top, BAR.width, BAR.height), BAR.height / 2))
    if label.lines:
        if label.has_bar:
            content.append(f'<path class="stem" d="M{_at(middle, top + BAR.height)}v{number(BAR_TO_LABEL)}"/>')
            top += BAR.height + BAR_TO_LABEL
        stacked = STACK if "foreach" in label.classes else 0.0
        width, height = label.width - stacked, label.y + label.height - top - stacked
        if stacked:
            content.append(_rect("behind", (label.x + stacked, top + stacked, width, height), _ROUND + 2))
        content.append(_rect("border", (label.x, top, width, height), _ROUND + 2))
        middle = label.x + width / 2
        first = top + (height - SMALL_LINE * len(label.lines)) / 2 + 10.8
        for place, line in enumerate(label.lines):
            content.append(text("small", Point(middle, first + SMALL_LINE * place), line, SMALL_FONT))
    return group(label.id, label.classes, label.title, "".join(content))


def _line(line: Line) -> str:
    content = f'<path class="stroke" d="{path_of(line)}"/>'
    if line.arrow:
        end = line.strokes[-1].to
        head = f"M{_at(end.x - _HALF_HEAD, end.y)}h{number(2 * _HALF_HEAD)}l{_at(-_HALF_HEAD, HEAD)}z"
        content += f'<path class="head" d="{head}"/>'
    ends = f' data-from="{_quoted(line.source)}" data-to="{_quoted(line.target)}"'
    return group(line.id, line.classes, line.title, content, ends)


def path_of(line: Line) -> str:
    parts = [f"M{_at(*line.start)}"]
    for stroke in line.strokes:
        if isinstance(stroke, Straight):
            parts.append(f"L{_at(*stroke.to)}")
        else:
            parts.append(f"C{_at(*stroke.first)} {_at(*stroke.second)} {_at(*stroke.to)}")
    return "".join(parts)


# --- Elements ---------------------------------------------------------------------------------------------------------


def group(id: str, classes: Sequence[str], title: str, content: str, more: str = "") -> str:
    return f'<g id="{_quoted(id)}" class="{" ".join(classes)}"{more}><title>{_escaped(title)}</title>{content}</g>'


def text(css: str, at: Point, content: str, size: float) -> str:
    """A line of text that takes the room reckoned for it, also in a font with other widths."""
    length = number(width_of(content, size))
    fitted = f' textLength="{length}" lengthAdjust="spacingAndGlyphs"' if content else ""
    return f'<text class="{css}" x="{number(at.x)}" y="{number(at.y)}"{fitted}>{_escaped(content)}</text>'


def circle(css: str, centre: Point, radius: float) -> str:
    return f'<circle class="{css}" cx="{number(centre.x)}" cy="{number(centre.y)}" r="{number(radius)}"/>'


def octagon(centre: Point, radius: float) -> str:
    part = radius * 0.414
    corners = [(radius, part), (part, radius), (-part, radius), (-radius, part)]
    points = [*corners, *((-x, -y) for x, y in corners)]
    return f'<polygon class="border" points="{" ".join(_at(centre.x + x, centre.y + y) for x, y in points)}"/>'


def rectangle(css: str, box: Box, corner: float) -> str:
    return _rect(css, (box.x, box.y, box.width, box.height), corner)


def _inset(box: Box, by: float) -> Box:
    return Box(
        id=box.id,
        kind=box.kind,
        x=box.x + by,
        y=box.y + by,
        width=box.width - 2 * by,
        height=box.height - 2 * by,
        title="",
    )


def _rect(css: str, place: tuple[float, float, float, float], corner: float) -> str:
    x, y, width, height = map(number, place)
    return f'<rect class="{css}" x="{x}" y="{y}" width="{width}" height="{height}" rx="{number(corner)}"/>'


def _at(x: float, y: float) -> str:
    return f"{number(x)} {number(y)}"


def number(value: float) -> str:
    """At most one decimal: finer than eyes and screens, and the same on every machine."""
    return f"{round(value, 1) + 0.0:g}" if abs(value) < 1e5 else f"{value:.1f}"


_FORBIDDEN = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)], "\ufffd")
"""XML has no way to say these."""


def _escaped(content: str) -> str:
    return escape(content.translate(_FORBIDDEN), quote=False)


def _quoted(content: str) -> str:
    return escape(content.translate(_FORBIDDEN), quote=True)


def _word(state: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in state)
