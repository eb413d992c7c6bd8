"""A simulated world from a seed, from its first start request to the end of its last run."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass

from asyncflow.dispatcher.dispatcher import Dispatcher, DispatcherSettings, Surroundings
from tests.faults import invariants
from tests.faults.flows import FUNCTIONS, REFERENCES, random_configuration, reference_configuration
from tests.faults.life import Life, made
from tests.faults.virtual_loop import StuckError
from tests.faults.world import Faults, Scene, World

HOUR, YEAR = 3600.0, 31_557_600.0

Make = Callable[[Surroundings, DispatcherSettings], Dispatcher]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a simulation of a seed came to; an empty `violations` is a pass."""

    seed: int
    violations: tuple[str, ...]
    digest: str
    """Of everything that was committed and when: the same for the same seed."""
    lives: int
    steps: int
    entries: int
    executions: int

    def __str__(self) -> str:
        return f"seed {self.seed}: " + "; ".join(self.violations)


def simulate(seed: int, make: Make = made, *, redefines: bool = False) -> Outcome:
    """Play the world of a seed to its end and check all invariants."""
    draw = random.Random(f"scenario {seed}")
    world = _world(seed, draw)
    world.redefines = redefines
    crashes = [_steps(draw) for _ in range(draw.choice([0, 1, 2, 3, 4, 6]))]
    try:
        live_through(world, crashes, make)
    except StuckError as exc:
        world.violate(f"{exc}; {invariants.left_open(world)}")
    except Exception as exc:  # noqa: BLE001  (whatever ends a dispatcher is a finding)
        world.violate(f"the dispatcher ended: {exc!r}")
    if not world.violations:
        _check(world)
    return Outcome(
        seed=seed,
        violations=tuple(world.violations),
        digest=digest_of(world),
        lives=world.lives,
        steps=world.agenda.steps,
        entries=len(world.log),
        executions=len(world.workers.ledger),
    )


def simulate_redefined(seed: int) -> Outcome:
    """The same, where each dispatcher finds the flows with their edges in another order, and some of them left out."""
    return simulate(seed, redefines=True)


def live_through(world: World, crashes: list[int], make: Make) -> None:
    """One life after another: each ends by its crash, but the last, which ends when nothing is left to do."""
    pending = list(crashes)
    while True:
        world.lives += 1
        if world.lives > 60:
            raise StuckError("60 lives, and no end")
        life = Life(world, crash_in=pending.pop(0) if pending else None)
        if life.live(make, lambda: bool(world.violations) or world.is_over):
            return
        world.violations.extend(_torn(world))
        if world.violations:
            return
        world.agenda.now += world.agenda.random.choice([0.0, 0.1, 3.0, 50.0])


def _check(world: World) -> None:
    try:
        world.violations.extend(invariants.violations(world))
    except Exception as exc:  # noqa: BLE001  (a journal that makes no sense breaks the check of it)
        world.violate(f"the journal makes no sense: {exc!r}")


def _torn(world: World) -> list[str]:
    try:
        return list(invariants.torn(world))
    except Exception as exc:  # noqa: BLE001  (as above)
        return [f"after a crash, the journal makes no sense: {exc!r}"]


def digest_of(world: World) -> str:
    told = repr((world.log, world.workers.ledger, world.agenda.now, world.agenda.steps))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _steps(draw: random.Random) -> int:
    """Early crashes and late ones alike."""
    return int(2 ** draw.uniform(2, 11))


def _world(seed: int, draw: random.Random) -> World:
    faults = _faults(draw)
    if draw.random() < 0.4:
        name = draw.choice(sorted(REFERENCES))
        reference = REFERENCES[name]
        scene = Scene(configuration=reference_configuration(name), functions=FUNCTIONS)
        selection, plans = dict(reference.selection), reference
    else:
        scene = Scene(configuration=random_configuration(draw), functions=FUNCTIONS)
        selection, plans = {}, None
    world = World(seed, scene, faults, calm_after=draw.choice([5.0, 60.0, 400.0]))
    world.leaves_out = not selection
    world.intake = draw.choice([1, 1000])
    if draw.random() < 0.25:
        _set_clocks(world, draw)
    for number in range(draw.choice([1, 1, 2, 3])):
        run_id = f"run-{number}"
        world.client.start(run_id, "main", {"x": number}, after=draw.random() * 3, **selection)
        for event, after in plans.signals.items() if plans else ():
            world.client.signal(run_id, event, after=3 + after)
        if (plans and plans.cancel) or draw.random() < 0.08:
            world.client.cancel(run_id, after=3 + draw.random() * 10)
        if (plans and plans.pause) or draw.random() < 0.1:
            begin = 3 + draw.random() * 5
            world.client.pause(run_id, begin, begin + draw.random() * 100)
    return world


def _set_clocks(world: World, draw: random.Random) -> None:
    """An hour or a year ahead or behind, some times over; put right in the end, and taken over by a restart."""
    for _ in range(draw.choice([1, 1, 2, 4])):
        world.set_clock(world.calm_after * draw.random(), draw.choice([-1, 1]) * draw.choice([HOUR, YEAR]))
    world.set_clock(world.calm_after, 0.0)
    world.restart(world.calm_after)


def _faults(draw: random.Random) -> Faults:
    """Some worlds are calm but for crashes, some bad in one way, some in all."""
    names = [name for name in Faults.__slots__ if name not in ("task_fails", "late_commit")]
    chosen = draw.sample(names, draw.choice([0, 2, 4, len(names)]))
    worst = draw.choice([0.05, 0.15, 0.4])
    chances = {name: draw.random() * worst for name in chosen}
    return Faults(**chances, task_fails=draw.choice([0.0, 0.1, 0.4]), late_commit=draw.choice([0.0, 0.8]))
