"""Simulated workers: they take task messages, run them not at all, once or several times, and report as they like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from asyncflow.model.names import Json, TaskId
from asyncflow.ports import Delivery, Message
from asyncflow_celery import completions

if TYPE_CHECKING:
    from tests.faults.world import World


@dataclass(frozen=True, slots=True)
class Execution:
    """A line of the ledger: a task's body has run."""

    id: TaskId
    task: str
    at: float
    status: str
    result: Json


@dataclass(slots=True)
class _Seen:
    ids: list[TaskId] = field(default_factory=list)


class SimulatedWorkers:
    def __init__(self, world: World) -> None:
        self._world = world
        self.ledger: list[Execution] = []
        self.busy = 0
        """Messages that wait, bodies that run, reports on their way."""
        self.lost: set[TaskId] = set()
        """Messages that were acknowledged early by a worker that was killed then."""
        self.received: Counter[TaskId] = Counter()
        self._revoked: set[TaskId] = set()
        self._seen: dict[str, _Seen] = {}

    def revoke(self, ids: Iterable[TaskId]) -> None:
        if self._world.agenda.random.random() < 0.5:
            self._revoked.update(ids)

    def try_number(self, task: str, id: TaskId) -> int:
        """Which of the ids this is that were run of a task, from 1: where one node at a time calls it, the attempt."""
        ids = self._seen.setdefault(task, _Seen()).ids
        if id not in ids:
            ids.append(id)
        return ids.index(id) + 1

    def take(self, message: Message) -> None:
        """A message has reached a worker's queue."""
        id = TaskId(str(message.headers["id"]))
        self.received[id] += 1
        if id not in self._world.store._run_of:
            self._world.violate(f"task {id} was published before it was committed")
        self._later(self._draw(0.1), lambda: self._begin(message, id))

    def _later(self, seconds: float, act: object) -> None:
        self.busy += 1

        def acting() -> None:
            self.busy -= 1
            act()  # type: ignore[operator]

        self._world.agenda.after(seconds, acting)

    def _draw(self, longest: float) -> float:
        drawn = self._world.agenda.random.random()
        return longest * drawn if drawn < 0.9 else 30 * longest * drawn

    def _begin(self, message: Message, id: TaskId) -> None:
        world, faults = self._world, self._world.faults
        task = str(message.headers["shadow"]).partition(".")[2]
        if id in self._revoked:
            self._report(id, "REVOKED", {"exc_type": "TaskRevokedError", "exc_message": ["revoked"]}, message)
            return
        if world.chance(faults.worker_early_ack) and world.configuration.tasks[task].timeout is not None:
            self.lost.add(id)
            return
        duration = world.scene.duration(task) if world.scene.duration else self._draw(1.0)
        if world.chance(faults.worker_killed):
            if world.agenda.random.random() < 0.5:
                self._run(task, id)
            self._later(self._draw(5.0), lambda: self._begin(message, id))
            return
        if world.agenda.random.random() < 0.2:
            self._report(id, "STARTED", {"hostname": "w1", "pid": 1}, message)
        self._later(duration, lambda: self._end(message, task, id))

    def _end(self, message: Message, task: str, id: TaskId) -> None:
        world, faults = self._world, self._world.faults
        done = self._run(task, id)
        if world.chance(faults.garbage):
            self._send_garbage(id)
        for _ in range(2 if world.chance(faults.report_twice) else 1):
            wait = self._draw(200.0) if world.chance(faults.report_late) else self._draw(0.05)
            self._later(wait, lambda: self._report(id, done.status, done.result, message))
        if world.chance(faults.contradiction):
            again = self._run(task, id)
            self._later(self._draw(0.2), lambda: self._report(id, again.status, again.result, message))

    def _run(self, task: str, id: TaskId) -> Execution:
        status, result = self._outcome(task, id)
        done = Execution(id, task, self._world.agenda.now, status, result)
        self.ledger.append(done)
        return done

    def _outcome(self, task: str, id: TaskId) -> tuple[str, Json]:
        world, random = self._world, self._world.agenda.random
        number = self.try_number(task, id)
        if world.scene.outcome is not None:
            try:
                return "SUCCESS", world.scene.outcome(self, task, id)
            except Exception as exc:  # noqa: BLE001  (a failing task is what is played)
                return "FAILURE", {"exc_type": type(exc).__name__, "exc_message": list(exc.args), "exc_module": "tasks"}
        if random.random() < world.faults.task_fails:
            module = random.choice(["tasks", "tasks", "billiard.exceptions"])
            error = "WorkerLostError" if module.startswith("billiard") else "ValueError"
            return "FAILURE", {"exc_type": error, "exc_message": [f"try {number}"], "exc_module": module}
        return "SUCCESS", {"k": random.randint(0, 1), "try": number}

    def _report(self, id: TaskId, status: str, result: Json, message: Message) -> None:
        """Over rpc, or by a callback, or both. Where ends are planned their reasons are too, and only rpc tells them."""
        drawn = self._world.agenda.random.random()
        if drawn < 0.8 or self._world.scene.outcome is not None or status not in ("SUCCESS", "FAILURE"):
            content = {"task_id": id, "status": status, "result": result, "traceback": None, "children": []}
            self._world.broker.put(_delivery(content, correlation_id=id))
        if drawn > 0.6 and status in ("SUCCESS", "FAILURE"):
            name = completions.SUCCEEDED if status == "SUCCESS" else completions.FAILED
            told = result if status == "SUCCESS" else id
            headers = {"task": name, completions.ATTEMPT_HEADER: id}
            self._world.broker.put(_delivery([[told], {}, {}], headers=headers))

    def _send_garbage(self, id: TaskId) -> None:
        random = self._world.agenda.random
        broken = _delivery({"task_id": id, "status": "SUCCESS", "result": 1}, correlation_id=id)
        foreign = _delivery({"task_id": f"stranger-{random.random()}", "status": "SUCCESS", "result": 1})
        choices = [
            Delivery(body=broken.body[: random.randrange(len(broken.body))], content_type="application/json"),
            Delivery(body=random.randbytes(20), content_type="application/x-python-serialize"),
            foreign,
        ]
        self._world.broker.put(random.choice(choices))


def _delivery(content: Json, *, correlation_id: str = "", headers: Json = None) -> Delivery:
    return Delivery(
        body=orjson.dumps(content),
        headers=headers or {},
        content_type="application/json",
        content_encoding="utf-8",
        correlation_id=correlation_id,
    )
