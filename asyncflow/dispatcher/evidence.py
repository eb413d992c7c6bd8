"""What is known of attempts that nobody has reported yet, and the words for the verdict on a lost one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from asyncflow.fleet import QueueState
from asyncflow.model.names import Json, NodeName, RunId, TaskId
from asyncflow.model.run import TaskError

LOST = "LostAttempt"


@dataclass(slots=True, kw_only=True)
class Watched:
    """An attempt on its way. Mutable: signs of life move its deadline."""

    id: TaskId
    run_id: RunId
    task: NodeName
    queue: str
    """Empty where it is not known."""
    sent_at: float
    lease: float
    deadline: float
    """When to look for it, if nothing is heard until then."""
    patience_ends: float
    """When evidence that cannot be had is waited for no longer."""
    pause: float
    """Until the next look, if this one says nothing."""
    next_look: float = float("inf")
    """Where it stands among the deadlines, which are put right only when they come."""
    worker: str = ""
    """Which has it, or had it when it was last heard of."""
    ended: bool = False
    """A worker has said that it ended, but not how."""
    missed_at: float | None = None
    """When nobody had it, first of several looks in a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look around has shown."""

    holders: Mapping[TaskId, str]
    """The worker that has an attempt."""
    queues: Mapping[str, tuple[QueueState | None, QueueState | None]] = field(default_factory=dict)
    """Before and after workers were asked."""
    answered: int = 0
    """How many workers have answered."""
    mute: frozenset[str] = frozenset()
    """Workers that are there and have not."""

    def may_wait(self, queue: str) -> bool:
        """Whether a message may still be in its queue, or was while workers were asked."""
        return any(state is not None and state.messages > 0 for state in self.queues.get(queue, ()))

    def is_blind(self, queue: str) -> bool:
        """Whether someone who was not heard may have a message of this queue."""
        states = self.queues.get(queue)
        if self.mute or states is None:
            return True
        return any(state is not None and state.consumers > self.answered for state in states)


def holders(answers: Mapping[str, Json]) -> dict[TaskId, str]:
    """Who has which attempt. "ready" is what Celery 5.6 says of those that it dropped with a broken connection."""
    return {
        TaskId(id): worker
        for worker, tasks in answers.items()
        if isinstance(tasks, Mapping)
        for id, told in tasks.items()
        if isinstance(told, list) and told and told[0] != "ready"
    }


def planned(answers: Mapping[str, Json]) -> dict[TaskId, str]:
    """Who will start which attempt at its time."""
    found: dict[TaskId, str] = {}
    for worker, entries in answers.items():
        for entry in entries if isinstance(entries, list) else ():
            request = entry.get("request") if isinstance(entry, Mapping) else None
            if isinstance(request, Mapping) and isinstance(request.get("id"), str):
                found[TaskId(request["id"])] = worker
    return found


def lost(one: Watched, present: frozenset[str], gone: Sequence[str]) -> TaskError:
    """The error of an attempt that is given up, which tells as much as is known.

    `gone` are the workers that have vanished since it was published.
    """
    return TaskError(type=LOST, message=_message(one, present, gone), module="asyncflow")


def _message(one: Watched, present: frozenset[str], gone: Sequence[str]) -> str:
    if one.ended:
        return f"finished, completion lost: worker {one.worker} ended it, and its report has not come"
    if not one.worker and gone:
        suspects = ", ".join(gone[:3]) + (f" or {len(gone) - 3} others" if len(gone) > 3 else "")
        return f"received, worker vanished: it has left its queue, and was probably with {suspects}, gone since"
    if not one.worker:
        where = f"queue {one.queue!r}" if one.queue else "its queue"
        return f"published, never received: it has left {where}, and no worker is known to have taken it"
    if one.worker in present:
        return (
            f"finished, completion lost: worker {one.worker} received it, is there, and does not have it any more; "
            "either its report was lost, or the task ended without one, as Ignore and Reject do"
        )
    return f"received, worker vanished: worker {one.worker} took it and is gone, and no other worker has it"
