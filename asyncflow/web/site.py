"""What the endpoints work with: a client, the configuration, who may come in, and pictures that are drawn once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import anyio

from asyncflow import drawing
from asyncflow.client import Client
from asyncflow.drawing.svg import Painting, svg_of
from asyncflow.model.flow import Configuration
from asyncflow.web.access import Access
from asyncflow.web.meters import Meters
from asyncflow.web.pace import Pace


class Gallery:
    """Pictures of flows. The places of things in them are reckoned once; states only colour them."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._pictures: dict[tuple[str, int, bool], drawing.Picture] = {}

    def svg(self, flow: str, expand: int, states: Mapping[str, drawing.NodeState] | None = None) -> str:
        """Raises UnknownFlowError."""
        counted = states is not None
        key = (flow, expand, counted)
        if key not in self._pictures:
            self._pictures[key] = drawing.picture(self._configuration, flow, expand, counted=counted)
        found = self._pictures[key]
        shown = {box.path: drawing.NodeState(state="waiting") for box in found.boxes if counted and box.path}
        return svg_of(found, Painting(states={**shown, **(states or {})}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds."""

    heartbeat: float = 5.0
    """How often a stream says that it is alive."""
    reminder: float = 30.0
    """A dispatcher that was replaced does not know who watched: ask again after so long a silence."""
    look: float = 1.0
    """How often a stream of the list of runs looks for changes."""
    batch: float = 0.25
    """A stream of a run in few words tells it no more often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """`closing` is set when the server ends: streams then end by themselves."""

    client: Client
    configuration: Configuration
    access: Access = field(default_factory=Access)
    timing: Timing = field(default_factory=Timing)
    closing: anyio.Event = field(default_factory=anyio.Event)
    meters: Meters = field(default_factory=Meters)
    pace: Pace = field(default_factory=Pace)
    trouble: Callable[[], str] = lambda: ""
    """Why the dispatcher of this process can decide nothing just now; empty where all is well."""
    gallery: Gallery = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "gallery", Gallery(self.configuration))  # the way to fill a field of a frozen value
