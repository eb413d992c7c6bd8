"""A reference flow, crashed at chosen points: before and after each commit, publish, confirm and acknowledgement."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.faults import invariants
from tests.faults.flows import FUNCTIONS, REFERENCES, reference_configuration
from tests.faults.life import Life, made
from tests.faults.virtual_loop import StuckError
from tests.faults.world import NO_FAULTS, Scene, World

SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a flow ended that was crashed at some points."""

    flow: str
    points: tuple[int, ...]
    passed: int
    """How many points there were."""
    runs: object
    nodes: Counter[tuple[str, str]]
    violations: tuple[str, ...]

    def difference(self, calm: Ended) -> str:
        """From the end without a crash; empty when there is none."""
        if self.violations:
            return "; ".join(self.violations)
        if (self.runs, self.nodes) != (calm.runs, calm.nodes):
            lost, won = calm.nodes - self.nodes, self.nodes - calm.nodes
            return f"ends as {self.runs}, not {calm.runs}; lacks {dict(lost)}, has {dict(won)} too much"
        return ""


def end_of(case: tuple[str, tuple[int, ...]]) -> Ended:
    """Play a flow with crashes at these points, which are numbered over all lives, from 1."""
    name, points = case
    world = _world(name)
    try:
        _live(world, points)
    except StuckError as exc:
        world.violate(f"{exc}; {invariants.left_open(world)}")
    if not world.violations:
        world.violations.extend(invariants.violations(world))
    runs, nodes = invariants.ends_of(world)
    return Ended(
        flow=name,
        points=points,
        passed=world.passed,
        runs=runs,
        nodes=nodes,
        violations=tuple(world.violations),
    )


def _world(name: str) -> World:
    reference = REFERENCES[name]
    scene = Scene(
        configuration=reference_configuration(name),
        functions=FUNCTIONS,
        outcome=reference.outcome,
        duration=reference.duration,
    )
    world = World(SEED, scene, NO_FAULTS)
    world.client.start("run-0", "main", {"x": 1}, **reference.selection)
    for event, after in reference.signals.items():
        world.client.signal("run-0", event, after)
    if reference.cancel is not None:
        world.client.cancel("run-0", reference.cancel)
    if reference.pause is not None:
        world.client.pause("run-0", *reference.pause)
    return world


def _live(world: World, points: tuple[int, ...]) -> None:
    for point in (*sorted(points), None):
        world.lives += 1
        life = Life(world, crash_at=point)
        if life.live(made, lambda: bool(world.violations) or world.is_over):
            return
        world.violations.extend(invariants.torn(world))
        if world.violations:
            return
