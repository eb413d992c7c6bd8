"""A run whose flow has been defined anew since the run last moved: it goes on by the new definition.

Rules:
- Edges and fallbacks keep their identity wherever they stand (see `model.outline`); they have their new conditions.
- What is active goes on. What finished and failed stays so, and counts for the edges and fallbacks that there are now.
- Nothing happens afterwards that would have happened before: an edge whose sources have all finished by now waits for
  another instance of one of them, and starting edges have had their time.
"""

from __future__ import annotations

from dataclasses import replace

from asyncflow.engine.step import UNANSWERED, Step
from asyncflow.model.decision import OutlineOf
from asyncflow.model.facts import RunMigrated
from asyncflow.model.flow import Flow
from asyncflow.model.names import NodeName
from asyncflow.model.outline import Moves, Outline, moves_between, outline_of
from asyncflow.model.run import GONE, Run, Selection


def is_behind(flow: Flow, run: Run) -> bool:
    """Whether another definition than this one has moved the run last, or selected what is to run."""
    return run.version != flow.version or _selected_by(flow, run) != flow.version


def migrate(step: Step) -> None:
    """Let the run go on by the step's flow."""
    flow, run = step.flow, step.run
    version = run.version if run.version != flow.version else _selected_by(flow, run)
    former = step.ask(OutlineOf(flow.name, version))
    if former is not UNANSWERED:
        step.record(_migrated(flow, run, former))


def _migrated(flow: Flow, run: Run, former: Outline | None) -> RunMigrated:
    """An unknown outline is of a time when none were kept: then positions are all that there is to go by."""
    now = outline_of(flow)
    old = now if former is None else former
    moves = moves_between(old.edges, now.edges)
    return RunMigrated(
        version=flow.version,
        edges=moves,
        fallbacks=moves_between(old.fallbacks, now.fallbacks),
        met=_met(flow, run, old, moves),
        selection=None if run.selection is None else _moved(run.selection, flow, moves),
    )


def _selected_by(flow: Flow, run: Run) -> str:
    return flow.version if run.selection is None else run.selection.versions.get(flow.name, flow.version)


def _met(flow: Flow, run: Run, old: Outline, moves: Moves) -> dict[int, int]:
    """How many sources of each join have finished.

    One that needs some of its sources only, and has not come to its turn yet though these have finished, takes its
    turn with the next of them.
    """
    had_their_turn = set()
    for index, way in enumerate(old.edges):
        if way.at_least is not None and run.met.get(index, 0) >= way.at_least:
            had_their_turn.add(moves.get(index, index))
    met = {}
    for edge in flow.edges:
        count = sum(source in run.finished for source in edge.sources) if len(edge.sources) > 1 else 0
        if edge.at_least is not None:
            count = max(count, edge.at_least) if edge.index in had_their_turn else min(count, edge.at_least - 1)
        if count:
            met[edge.index] = count
    return met


def _moved(selection: Selection, flow: Flow, moves: Moves) -> Selection:
    taken = selection.edges.get(flow.name)
    versions = {**selection.versions, flow.name: flow.version}
    if not taken:
        return replace(selection, versions=versions)
    edges: dict[int, tuple[NodeName, ...]] = {}
    for index, targets in taken.items():
        now = moves.get(index, index)
        edges[GONE if now is None else now] = targets  # kept: a flow of which nothing is selected runs fully
    return replace(selection, edges={**selection.edges, flow.name: edges}, versions=versions)
