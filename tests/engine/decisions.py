"""A run that is decided event by event, where a test looks at commands or sends what no simulation would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from asyncflow.config import load_mapping
from asyncflow.engine import decide
from asyncflow.model import events as e
from asyncflow.model.commands import Command
from asyncflow.model.decision import Context, Decision
from asyncflow.model.facts import Fact
from asyncflow.model.flow import Selective
from asyncflow.model.names import FlowName, NodeName, RunId, TaskId
from asyncflow.model.run import Run, Selection, TaskError
from asyncflow.predicates import BUILT_INS
from tests.engine.flows import Edge, Flow, configured

RUN = RunId("run")

_C = TypeVar("_C", bound=Command)


def readable_id(run_id: RunId, name: NodeName, number: int, attempt: int) -> TaskId:
    return TaskId(f"{name}-{number}-{attempt}")


class Decided:
    """The run of a flow of these edges; `decided` holds the last decision's facts and commands."""

    def __init__(
        self,
        edges: list[Edge],
        tasks: Mapping[str, Mapping[str, Any]] | None = None,
        flows: Mapping[str, Flow] | None = None,
        select: Callable[[FlowName, Selective], Selection] | None = None,
        **keys: Any,
    ) -> None:
        written = configured({"main": {"edges": edges, **keys}, **(flows or {})}, tasks)
        loaded = load_mapping(written, builtins=BUILT_INS, environ={})
        self.flow = loaded.configuration.flows[FlowName("main")]
        self._context = Context(new_id=readable_id, select=select)
        self.last: Decision
        self.run = self._decide(
            None, e.RunRequested(at=0.0, run_id=RUN, flow=FlowName("main"), root_id=RUN, node_args={"x": 1})
        )

    @staticmethod
    def success(run_id: RunId, id: str) -> e.AttemptSucceeded:
        return e.AttemptSucceeded(at=1.0, run_id=run_id, id=TaskId(id))

    @staticmethod
    def failure(run_id: RunId, id: str) -> e.AttemptFailed:
        return e.AttemptFailed(at=1.0, run_id=run_id, id=TaskId(id), error=TaskError(type="ValueError"))

    def active(self) -> list[TaskId]:
        return [id for id, node in sorted(self.run.active.items(), key=lambda item: item[1].number)]

    def commands(self, kind: type[_C]) -> list[_C]:
        return [command for command in self.last.commands if isinstance(command, kind)]

    def take(self, event: e.Event) -> tuple[Fact, ...]:
        """Decide an event, and return what was decided."""
        self.run = self._decide(self.run, event)
        return self.last.facts

    def succeed(self, id: str) -> tuple[Fact, ...]:
        return self.take(self.success(RUN, id))

    def fail(self, id: str) -> tuple[Fact, ...]:
        return self.take(self.failure(RUN, id))

    def time_out(self, id: str) -> tuple[Fact, ...]:
        return self.take(e.TimerDue(at=1.0, run_id=RUN, kind=e.TimerKind.NODE_TIMEOUT, id=TaskId(id)))

    def time_out_run(self) -> tuple[Fact, ...]:
        return self.take(e.TimerDue(at=1.0, run_id=RUN, kind=e.TimerKind.RUN_TIMEOUT))

    def _decide(self, run: Run | None, event: e.Event) -> Run:
        decision = decide(self.flow, run, event, self._context)
        assert isinstance(decision, Decision), f"it asks for {decision}"
        self.last = decision
        return decision.run
