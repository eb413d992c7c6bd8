"""Pictures of flows: SVG, PNG, DOT, Mermaid and JSON, of a flow as it is declared or as it stands in a run."""

from asyncflow.drawing.drawing import FORMATS, Look, draw, draw_all, picture
from asyncflow.drawing.picture import Picture
from asyncflow.drawing.states import NodeState
from asyncflow.drawing.style import Style

__all__ = ["FORMATS", "Look", "NodeState", "Picture", "Style", "draw", "draw_all", "picture"]
