"""JSON: the picture with every place in it, for pages and tools that draw it themselves."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from asyncflow.drawing.picture import Box, Label, Line, Picture
from asyncflow.drawing.states import NodeState
from asyncflow.drawing.svg import path_of
from asyncflow.model.names import Json


def json_of(picture: Picture, states: Mapping[str, NodeState]) -> str:
    document = {
        "flow": picture.flow,
        "width": _number(picture.width),
        "height": _number(picture.height),
        "boxes": [_box(box, states.get(box.path)) for box in picture.boxes],
        "labels": [_placed(label) | {"has_bar": label.has_bar} for label in picture.labels],
        "lines": [_line(line) for line in picture.lines],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def _box(box: Box, state: NodeState | None) -> Json:
    shown = _placed(box) | {"kind": box.kind, "path": box.path, "storage": box.storage}
    return shown if state is None else shown | {"state": state.state, "counts": dict(state.counts)}


def _placed(thing: Box | Label) -> dict[str, Json]:
    return {
        "id": thing.id,
        "x": _number(thing.x),
        "y": _number(thing.y),
        "width": _number(thing.width),
        "height": _number(thing.height),
        "title": thing.title,
        "lines": list(thing.lines),
        "classes": list(thing.classes),
        "within": thing.within,
    }


def _line(line: Line) -> Json:
    return {
        "id": line.id,
        "source": line.source,
        "target": line.target,
        "path": path_of(line),
        "arrow": line.arrow,
        "title": line.title,
        "classes": list(line.classes),
    }


def _number(value: float) -> float:
    return round(value, 1) + 0.0
