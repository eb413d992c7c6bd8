"""Playing runs to their ends: nodes are ended by answers that stand for their tasks, in order or by chance."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from asyncflow.errors import EndlessRunError
from asyncflow.model.names import Json
from asyncflow.testing.nodes import Failure, Order, PendingNode, due_of
from asyncflow.testing.world import World

Answers: TypeAlias = Mapping[str, Any]
"""By node name: a function called as a worker would call the task, an exception to fail with, or the result itself."""

Choose: TypeAlias = Callable[[Iterator[Order]], Order | None]
"""Takes one of the nodes that are due; None where there is none."""
Failing: TypeAlias = Callable[[str], bool]


class Ends(Protocol):
    """How nodes are ended: the simulation itself."""

    def succeed(self, *nodes: str, result: Json = None) -> None: ...

    def fail(self, *nodes: str, error: Failure = None) -> None: ...


class Chance:
    """Draws the order of nodes and their failures from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  (a test that can be repeated, no secret)

    def choose(self, due: Iterator[Order]) -> Order | None:
        found = list(due)
        return self._random.choice(found) if found else None

    def failing(self, chances: Mapping[str, float]) -> Failing:
        return lambda name: self._random.random() < chances.get(name, 0.0)


def first_due(due: Iterator[Order]) -> Order | None:
    return next(due, None)


def never_failing(name: str) -> bool:
    return False


class Player:
    def __init__(self, ends: Ends, world: World, answers: Answers, failing: Failing = never_failing) -> None:
        self._ends = ends
        self._world = world
        self._answers = answers
        self._failing = failing

    def play(self, choose: Choose, most: int) -> None:
        """Until nothing is pending, or nothing but what never comes due. Raises EndlessRunError after `most` nodes."""
        for _ in range(most):
            order = self._next(choose)
            if order is None:
                return
            self._end(self._world.pending_node(order))
        if self._world.orders:
            raise EndlessRunError(most)

    def _next(self, choose: Choose) -> Order | None:
        """The next node to end; the clock moves where nothing is due yet."""
        world = self._world
        while True:
            chosen = choose(order for order in world.orders.values() if due_of(order) <= world.now)
            if chosen is not None:
                return chosen
            times = [due for order in world.orders.values() if (due := due_of(order)) < math.inf]
            if world.next_timer is not None and not world.is_over:
                times.append(world.next_timer)
            if not times:
                return None
            world.advance(min(times))

    def _end(self, node: PendingNode) -> None:
        if self._failing(node.name):
            self._ends.fail(node.id, error="failed by chance")
            return
        answer = self._answers.get(node.name)
        if isinstance(answer, BaseException) or (isinstance(answer, type) and issubclass(answer, BaseException)):
            self._ends.fail(node.id, error=answer)
        elif callable(answer):
            self._call(node, answer)
        else:
            self._ends.succeed(node.id, result=answer)

    def _call(self, node: PendingNode, function: Callable[..., Any]) -> None:
        try:
            result = function(*node.args, **(node.kwargs or {}))
        except Exception as exc:  # noqa: BLE001  (whatever a task raises is its failure)
            self._ends.fail(node.id, error=exc)
        else:
            self._ends.succeed(node.id, result=result)
