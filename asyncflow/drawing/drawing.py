"""Drawing a flow, or all of them: from a configuration to text or bytes in the format asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, Unpack

from asyncflow.drawing.composition import picture_of
from asyncflow.drawing.document import json_of
from asyncflow.drawing.dot import dot_of
from asyncflow.drawing.draft import Expand, sketch_of
from asyncflow.drawing.mermaid import mermaid_of
from asyncflow.drawing.picture import Picture
from asyncflow.drawing.png import png_of
from asyncflow.drawing.sketch import Sketch
from asyncflow.drawing.states import NodeState
from asyncflow.drawing.style import Style
from asyncflow.drawing.svg import Painting, svg_of
from asyncflow.errors import RequestError, UnknownFlowError
from asyncflow.model.flow import Configuration
from asyncflow.model.names import FlowName

FORMATS = ("svg", "dot", "mermaid", "json", "png")
_SUFFIXES = {"mermaid": "mmd"}


class Look(TypedDict, total=False):
    """What can be said about how a flow is drawn."""

    style: Style
    expand: Expand
    """How deep sub-flows are unfolded, or the names of those that are; 0 unfolds none."""
    states: Mapping[str, NodeState] | None
    """The states of a run's nodes, by name; in an unfolded sub-flow by path, such as `shopping/BuyEggs`.

    Every node then has room for counts, whatever they are: the picture stays in place while a run goes on.
    """


def draw(configuration: Configuration, flow_name: str, *, format: str = "svg", **look: Unpack[Look]) -> str | bytes:
    """The drawing of one flow: bytes for png, text for any other format.

    Raises UnknownFlowError, and RequestError for an unknown format or a missing library.
    """
    if format not in FORMATS:
        raise RequestError(f"no format is named {format!r}; formats: {', '.join(FORMATS)}")
    style = look.get("style") or Style()
    states = look.get("states")
    sketch = _sketch(configuration, flow_name, look.get("expand", 0), counted=states is not None)
    states = states or {}
    match format:
        case "dot":
            return dot_of(sketch, style)
        case "mermaid":
            return mermaid_of(sketch)
        case "json":
            return json_of(picture_of(sketch), states)
        case "png":
            return png_of(svg_of(picture_of(sketch), Painting(style=style, states=states, plain=True)))
        case _:
            return svg_of(picture_of(sketch), Painting(style=style, states=states))


def picture(configuration: Configuration, flow_name: str, expand: Expand = 0, *, counted: bool = False) -> Picture:
    """The drawing of one flow with a place for everything, for writers of your own. Raises UnknownFlowError.

    `counted` leaves room for the states of a run, as `draw` does where it is given states.
    """
    return picture_of(_sketch(configuration, flow_name, expand, counted=counted))


def _sketch(configuration: Configuration, flow_name: str, expand: Expand, *, counted: bool) -> Sketch:
    if flow_name not in configuration.flows:
        raise UnknownFlowError(flow_name, list(configuration.flows))
    return sketch_of(configuration, FlowName(flow_name), expand, counted=counted)


def draw_all(
    configuration: Configuration, folder: Path | str, format: str = "svg", style: Style | None = None
) -> list[Path]:
    """Draw every flow into a file of its own, named for it; the folder is made where it is missing."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name in configuration.flows:
        drawn = draw(configuration, name, format=format, style=style or Style())
        path = target / f"{name}.{_SUFFIXES.get(format, format)}"
        path.write_bytes(drawn if isinstance(drawn, bytes) else drawn.encode("utf-8", "replace"))
        written.append(path)
    return written
