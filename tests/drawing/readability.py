"""What makes a picture readable, as assertions: nothing overlaps, nothing is cut, no line runs through a box."""

from collections.abc import Iterator
from itertools import combinations

from asyncflow.drawing.lettering import width_of
from asyncflow.drawing.picture import Box, Label, Line, Picture, Point, Straight
from asyncflow.drawing.sizes import NAME_FONT, SMALL_FONT

_HAIR = 0.01
_SAMPLES = 8


def assert_readable(picture: Picture, *, lines: bool = True) -> None:
    things = [*picture.boxes, *picture.labels]
    assert len({thing.id for thing in things}) == len(things)
    assert_within(picture, things)
    assert_apart(things)
    assert_texts_fit(things)
    assert_lines_end_where_they_should(picture)
    if lines:
        assert_lines_cross_nothing(picture)


def assert_within(picture: Picture, things: list[Box | Label]) -> None:
    frames = {box.id: box for box in picture.boxes if box.kind == "frame"}
    for thing in things:
        if thing.within:
            frame = frames[thing.within]
            left, top, right, bottom = frame.x, frame.y + 10, frame.x + frame.width, frame.y + frame.height
        else:
            left, top, right, bottom = 0.0, 20.0, picture.width, picture.height
        assert left <= thing.x, thing
        assert top <= thing.y, thing
        assert thing.x + thing.width <= right, thing
        assert thing.y + thing.height <= bottom, thing
    for line in picture.lines:
        for point in points(line):
            assert 0 <= point.x <= picture.width, line
            assert 0 <= point.y <= picture.height, line


def assert_apart(things: list[Box | Label]) -> None:
    for one, other in combinations(things, 2):
        if one.within == other.within:
            aside = one.x + one.width <= other.x + _HAIR or other.x + other.width <= one.x + _HAIR
            assert aside or one.y + one.height <= other.y + _HAIR or other.y + other.height <= one.y + _HAIR, (
                one,
                other,
            )


def assert_texts_fit(things: list[Box | Label]) -> None:
    for thing in things:
        font = SMALL_FONT if isinstance(thing, Label) else NAME_FONT
        for line in thing.lines:
            assert width_of(line, font) <= thing.width - 8, thing
        if isinstance(thing, Box) and thing.storage is not None:
            assert width_of(thing.storage, SMALL_FONT) <= thing.width - 20, thing


def assert_lines_end_where_they_should(picture: Picture) -> None:
    things = {thing.id: thing for thing in (*picture.boxes, *picture.labels)}
    for line in picture.lines:
        assert line.strokes, line
        assert touches(things[line.source], line.start), line
        end = line.strokes[-1].to
        assert touches(things[line.target], Point(end.x, end.y + 9) if line.arrow else end), line


def touches(thing: Box | Label, point: Point) -> bool:
    """Whether a point lies on the top or the bottom of something."""
    on_edge = min(abs(point.y - thing.y), abs(point.y - thing.y - thing.height)) < _HAIR
    return on_edge and thing.x - _HAIR <= point.x <= thing.x + thing.width + _HAIR


def assert_lines_cross_nothing(picture: Picture) -> None:
    things = [*picture.boxes, *picture.labels]
    within = {thing.id: thing.within for thing in things}
    for line in picture.lines:
        near = [thing for thing in things if thing.within == within[line.source]]
        for point in points(line):
            for thing in near:
                inside_x = thing.x + _HAIR < point.x < thing.x + thing.width - _HAIR
                inside_y = thing.y + _HAIR < point.y < thing.y + thing.height - _HAIR
                assert not (inside_x and inside_y), (line, thing)


def points(line: Line) -> Iterator[Point]:
    """Many points of a line."""
    at = line.start
    for stroke in line.strokes:
        first, second = (at, stroke.to) if isinstance(stroke, Straight) else (stroke.first, stroke.second)
        for step in range(_SAMPLES + 1):
            t = step / _SAMPLES
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            corners = (at, first, second, stroke.to)
            yield Point(
                sum(weight * corner.x for weight, corner in zip(weights, corners, strict=True)),
                sum(weight * corner.y for weight, corner in zip(weights, corners, strict=True)),
            )
        at = stroke.to
