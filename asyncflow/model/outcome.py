"""What clients are told of a run, as values: how it stands or has ended, and what a retry of it would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asyncflow.errors import RunFailedError
from asyncflow.model.names import FlowName, Json, RunId
from asyncflow.model.run import Status, TaskError


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A run as the dispatcher reports it; `report` is the whole report as JSON.

    `nodes` are dicts with "id", "name", "kind", "state", "attempt", "result", "error", "progress", "queue", "worker",
    "running_since" and, for sub-flows, "nodes".
    """

    run_id: RunId
    flow: FlowName
    state: Status
    error: TaskError | None
    nodes: Sequence[Mapping[str, Json]]
    report: Mapping[str, Json]

    @property
    def succeeded(self) -> bool:
        return self.state is Status.SUCCEEDED

    def results(self, name: str) -> list[Json]:
        """The inline results of every succeeded instance of a task, in the order they were started."""
        return [node["result"] for node in self.nodes if node["name"] == name and node["state"] == "succeeded"]

    def raise_for_state(self) -> None:
        """Raises RunFailedError when the run has failed or was cancelled."""
        if self.state in (Status.FAILED, Status.CANCELLED):
            raise RunFailedError(self.run_id, self.flow, str(self.error or self.state.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What a retry of a run does: how many instances of each node, by path such as "shopping/BuyEggs"."""

    run_id: RunId
    flow: FlowName
    again: Mapping[str, int]
    reused: Mapping[str, int]
    flow_has_changed: bool
    """Since the run began; what it has done is reused nevertheless, where it still fits."""


def outcome_of(report: Mapping[str, Json]) -> Outcome:
    error = report["error"]
    return Outcome(
        run_id=RunId(report["run_id"]),
        flow=FlowName(report["flow"]),
        state=Status(report["state"]),
        error=None if error is None else TaskError(**error),
        nodes=report["nodes"],
        report=report,
    )
