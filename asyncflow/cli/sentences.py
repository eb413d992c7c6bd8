"""What was decided, fact by fact, in sentences."""

from __future__ import annotations

from datetime import UTC, datetime

from asyncflow.cli.words import duration, of_error, one_line
from asyncflow.model import facts as f
from asyncflow.model.facts import Fact
from asyncflow.model.names import TaskId


class Narrator:
    """Tells facts of one run in their order: it knows the names of the ids that came up."""

    def __init__(self) -> None:
        self._names: dict[TaskId, str] = {}

    def sentence(self, fact: Fact, at: float) -> str:
        """One line; empty for what says nothing to people."""
        return one_line(self._of_run(fact, at) or self._of_node(fact, at) or self._of_edge(fact))

    def _of_run(self, fact: Fact, at: float) -> str:
        match fact:
            case f.RunStarted():
                return f"flow {fact.flow} begins" + (f", a retry of run {fact.labels['retry_of']}" if fact.kept else "")
            case f.RunSucceeded():
                return "the run has succeeded"
            case f.RunFailed():
                return f"the run has failed: {of_error(fact.error)}"
            case f.RunCancelled():
                return "the run is cancelled" + (f": {fact.reason}" if fact.reason else "")
            case f.RunRetried():
                return f"the run failed, attempt {fact.attempt} begins {_when(fact.due, at)}: {of_error(fact.error)}"
            case f.RunDelayed():
                return f"the run begins {_when(fact.due, at)}"
            case f.RunRestarted():
                return "the starting edges are looked at"
            case f.RunPaused():
                return "the run is paused"
            case f.RunResumed():
                return "the run goes on"
        return ""

    def _of_node(self, fact: Fact, at: float) -> str:
        match fact:
            case f.NodeStarted():
                self._names[fact.id] = fact.name
                cause = f"fallback {fact.fallback}" if fact.fallback is not None else f"edge {fact.edge}"
                due = "" if fact.due is None else f", not before {_when(fact.due, at)}"
                return f"{fact.name} starts by {cause}{due}  [{fact.id}]"
            case f.NodeReused():
                self._names[fact.id] = fact.name
                return f"{fact.name} is reused  [{fact.id}]"
            case f.AttemptRetried():
                self._names[fact.next_id] = name = self._name(fact.id)
                return (
                    f"{name} failed, and is tried again {_when(fact.due, at)}: {of_error(fact.error)}  [{fact.next_id}]"
                )
            case f.NodeSucceeded():
                return f"{self._name(fact.id)} has succeeded"
            case f.NodeFailed():
                return f"{self._name(fact.id)} has failed: {of_error(fact.error)}"
            case f.NodeCancelled():
                return f"{self._name(fact.id)} is cancelled"
            case f.NodeArgsReplaced():
                return "the first result becomes the node args"
        return ""

    def _of_edge(self, fact: Fact) -> str:
        match fact:
            case f.EdgeFired(items=items) if items is not None:
                return f"edge {fact.edge} fires for {items:,} items"
            case f.EdgeNotFired():
                read = f"; {fact.read}" if fact.read else ""
                way = f"{', '.join(fact.sources) or 'start'} → {', '.join(fact.targets)}"
                return f"edge {fact.edge}, {way}, does not fire: {fact.why} was false{read}"
            case f.EdgeOmitted():
                return f"edge {fact.edge} leaves out {', '.join(fact.targets)}: the run is selective"
            case f.FallbackStarted():
                handled = ", ".join(fact.handled)
                return f"fallback {', '.join(map(str, fact.fallbacks))} handles the failure of {handled}"
            case f.FallbackNotStarted():
                read = f"; {fact.read}" if fact.read else ""
                return f"fallback {fact.fallback} does not start: {fact.why} was false{read}"
        return ""

    def _name(self, id: TaskId) -> str:
        return self._names.get(id, id)


def _when(due: float, at: float) -> str:
    return "at once" if due <= at else f"in {duration(due - at)}"


def clock(at: float) -> str:
    """Local time, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
