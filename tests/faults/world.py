"""The simulated world around a dispatcher: a broker, workers, clients and a store that outlive its lives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.dispatcher.watchdog import WatchdogSettings
from asyncflow.engine.selective import select
from asyncflow.model.flow import Configuration, Selective
from asyncflow.model.names import FlowName, Json, RunId, TaskId
from asyncflow.model.run import Selection
from asyncflow.ports import Batch, Entry
from asyncflow_celery.wire import CeleryCodec
from tests.faults.broker import SimulatedBroker
from tests.faults.client import SimulatedClient
from tests.faults.flows import redefined
from tests.faults.virtual_loop import Agenda
from tests.faults.workers import SimulatedWorkers

EPOCH = 1_700_000_000.0
SECRET = b"sixteen bytes..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Chances, each for one act."""

    store_away: float = 0.0
    late_commit: float = 0.0
    """At a crash with a commit on its way."""
    storage_away: float = 0.0
    publish_refused: float = 0.0
    publish_unknown: float = 0.0
    connection_lost: float = 0.0
    """At each message that reaches our queue."""
    duplicate: float = 0.0
    reorder: float = 0.0
    worker_killed: float = 0.0
    worker_early_ack: float = 0.0
    report_twice: float = 0.0
    report_late: float = 0.0
    contradiction: float = 0.0
    garbage: float = 0.0
    task_fails: float = 0.0


NO_FAULTS = Faults()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is played: flows, users' functions, and how tasks end where chance does not say it."""

    configuration: Configuration
    functions: Mapping[str, Callable[..., Any]]
    outcome: Callable[[SimulatedWorkers, str, TaskId], Json] | None = None
    """(workers, task, id) -> its result; an exception is its failure. None: drawn."""
    duration: Callable[[str], float] | None = None


class World:
    """Everything that a crash leaves as it is."""

    def __init__(self, seed: int | str, scene: Scene, faults: Faults, *, calm_after: float = 0.0) -> None:
        self.agenda = Agenda(seed)
        self.scene = scene
        self.configuration = scene.configuration
        self.functions = scene.functions
        self.faults = faults
        self.calm_after = calm_after
        self.codec = CeleryCodec()
        self.store = MemoryStore(secret=SECRET, now=lambda: self.agenda.now)
        self.stored_results: dict[TaskId, Json] = {}
        self.broker = SimulatedBroker(self)
        self.workers = SimulatedWorkers(self)
        self.client = SimulatedClient(self)
        self.log: list[tuple[RunId, Entry]] = []
        """Every entry, in the order of the commits."""
        self.decided_by: list[Configuration] = []
        """The configuration that each of them was decided by."""
        self.redefines = False
        """Whether each dispatcher finds the flows defined anew."""
        self.leaves_out = True
        """Whether edges may be left out then: not where a client asks for a task that no path would lead to any more."""
        self.violations: list[str] = []
        self.points: Counter[str] = Counter()
        self.passed = 0
        self.lives = 0
        self.intake = 1000
        self.watchdog = WatchdogSettings()
        self.has_fleet = False
        self.wrong_by = 0.0
        """Seconds between the wall clock and the right time."""
        self._verdicts: dict[TaskId, str] = {}
        self.agenda.after(calm_after, lambda: None)  # for `is_calm` to be noticed where nothing else happens

    @property
    def is_calm(self) -> bool:
        """From now on nothing fails."""
        return self.agenda.now >= self.calm_after

    def wall(self) -> float:
        return EPOCH + self.agenda.now + self.wrong_by

    def set_clock(self, after: float, wrong_by: float) -> None:
        """The wall clock of the dispatcher's machine is set."""

        def set_it() -> None:
            self.wrong_by = wrong_by

        self.agenda.after(after, set_it)

    def restart(self, after: float) -> None:
        """The dispatcher ends and another begins."""
        self.agenda.after(after, self.broker.end_life)

    def begin_life(self) -> None:
        if self.redefines:
            written, draw, kept = self.scene.configuration, self.agenda.random, 0.9 if self.leaves_out else 1.0
            flows = {name: redefined(flow, draw, kept) for name, flow in written.flows.items()}
            self.configuration = replace(written, flows=flows)

    def chance(self, chance: float) -> bool:
        return chance > 0 and not self.is_calm and self.agenda.random.random() < chance

    def select(self, flow: FlowName, wish: Selective) -> Selection:
        return select(
            self.configuration.flows,
            flow,
            wish.tasks,
            follow_subflows=wish.follow_subflows,
            run_subsequent=wish.run_subsequent,
        )

    def violate(self, what: str) -> None:
        self.violations.append(f"at {self.agenda.now:.3f} s, life {self.lives}: {what}")

    def pass_point(self, name: str) -> int:
        self.points[name] += 1
        self.passed += 1
        return self.passed

    def fleet(self, life: Any) -> Any:
        return None

    def committed(self, batch: Batch) -> None:
        """Called right after each commit."""
        self.log.extend((advance.header.run_id, advance.entry) for advance in batch.advances)
        self.decided_by.extend(self.configuration for _ in batch.advances)
        for verdict in batch.verdicts:
            if verdict.id not in self.store._run_of:
                continue  # held by a paused run: it was never to be published
            now = self.store._verdicts.get(verdict.id)
            first = self._verdicts.setdefault(verdict.id, now.verdict if now else "(none)")
            if now is None or now.verdict != first:
                self.violate(f"the verdict on {verdict.id} was {first}, and is {now and now.verdict} now")

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do: asked at every step, so the cheap and rare comes first."""
        return (
            (self.is_calm and self.client.is_content and not self.workers.busy and self.broker.is_empty)
            and not self.store._timers
            and all(run.header.status.is_terminal for run in self.store._runs.values())
            and all(attempt.published for attempt in self.store._open_attempts.values())
        )
