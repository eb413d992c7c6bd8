"""What runs have done by older definitions of their flows, told by the one that was served last: that is what is drawn."""

from __future__ import annotations

from asyncflow.model.names import FlowName, Json
from asyncflow.model.outline import Moves, Outline, moves_between
from asyncflow.ports import Store


class Definitions:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[FlowName, list[Outline]] = {}

    async def bring_up(self, run: dict[str, Json]) -> None:
        """Let a run's JSON name edges and fallbacks by their places in the definition served last; others are left out.

        Raises StoreError.
        """
        version, edges, fallbacks = await self.moves(run["flow"], run["version"])
        run["version"] = version
        run["edges"] = _moved(run["edges"], edges)
        run["fallbacks"] = _moved(run["fallbacks"], fallbacks)

    async def moves(self, flow: FlowName, version: str) -> tuple[str, Moves, Moves]:
        """The version served last, and where edges and fallbacks of this one are there. Raises StoreError."""
        kept = self._kept.get(flow, [])
        if all(one.version != version for one in kept):
            kept = self._kept[flow] = await self._store.outlines(flow)
        former = next((one for one in kept if one.version == version), None)
        if former is None or former is kept[-1]:  # nobody kept it, when outlines were not kept yet
            return version, {}, {}
        last = kept[-1]
        edges, fallbacks = moves_between(former.edges, last.edges), moves_between(former.fallbacks, last.fallbacks)
        return last.version, edges, fallbacks


def _moved(told: list[dict[str, Json]], moves: Moves) -> list[dict[str, Json]]:
    if not moves:
        return told
    moved = ({**one, "index": moves.get(one["index"], one["index"])} for one in told)
    return sorted((one for one in moved if one["index"] is not None), key=lambda one: int(one["index"]))
