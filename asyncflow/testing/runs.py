"""Simulated runs, as tests look at them."""

from __future__ import annotations

from collections.abc import Iterator

from asyncflow.model.facts import Fact
from asyncflow.model.history import RunView, view_of
from asyncflow.model.names import FlowName, Json, RunId
from asyncflow.model.run import Run, Selection, Status, TaskError
from asyncflow.ports import Entry
from asyncflow.testing.nodes import PendingNode
from asyncflow.testing.world import World


class SimulatedRun:
    """A run of a flow. What it says is always what holds now."""

    def __init__(self, world: World, run_id: RunId) -> None:
        self._world = world
        self.id = run_id

    def __repr__(self) -> str:
        return f"<run {self.id} of {self.flow}: {self.status.value}>"

    @property
    def flow(self) -> FlowName:
        return self._run.flow

    @property
    def status(self) -> Status:
        return self._run.status

    @property
    def error(self) -> TaskError | None:
        """Why the run failed."""
        return self._run.error

    @property
    def attempt(self) -> int:
        """Whole-flow attempts, from 1."""
        return self._run.attempt

    @property
    def node_args(self) -> Json:
        """As they are now: `node_args_from_first` replaces them."""
        return self._run.node_args

    @property
    def selection(self) -> Selection | None:
        return self._run.selection

    @property
    def pending(self) -> tuple[PendingNode, ...]:
        """The nodes that wait for their outcome, in the order of their starts, those of sub-flow runs too."""
        return self._world.pending_of(run.id for run in _family(self))

    @property
    def finished(self) -> dict[str, list[str]]:
        return {name: list(ids) for name, ids in sorted(self._run.finished.items())}

    @property
    def failed(self) -> dict[str, list[str]]:
        """Failed nodes that no fallback has handled."""
        return {name: list(ids) for name, ids in sorted(self._run.failed.items())}

    @property
    def children(self) -> tuple[SimulatedRun, ...]:
        """The runs of its sub-flows, in the order of their starts; opaque ones have none."""
        return tuple(SimulatedRun(self._world, run_id) for run_id in self._world.children.get(self.id, ()))

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Everything that was decided, in order."""
        return tuple(fact for entry in self.journal for fact in entry.facts)

    @property
    def journal(self) -> tuple[Entry, ...]:
        """The facts by decision, with their times, as a store would keep them."""
        return tuple(self._world.journals[self.id])

    @property
    def view(self) -> RunView:
        """The run told node by node, those that are over included."""
        return view_of((entry.at, entry.facts) for entry in self.journal)

    @property
    def _run(self) -> Run:
        return self._world.run(self.id)


def _family(run: SimulatedRun) -> Iterator[SimulatedRun]:
    """A run and the runs of its sub-flows, at any depth: more than a recursion could go."""
    unseen = [run]
    while unseen:
        here = unseen.pop()
        yield here
        unseen.extend(here.children)
