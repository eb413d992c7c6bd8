"""One decision in the making: the run so far, what was decided, what is still to be asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import Enum
from heapq import heappop, heappush
from typing import Final

from asyncflow.engine.evolve import evolve
from asyncflow.model import jsontext
from asyncflow.model.commands import Command
from asyncflow.model.decision import Context, Decision, Needs, Question, Raised
from asyncflow.model.facts import Fact, NodeReused
from asyncflow.model.flow import Flow
from asyncflow.model.names import Json, NodeName, TaskId
from asyncflow.model.run import Run

Sources = Mapping[NodeName, TaskId]
"""The finished instances that fire an edge: one combination."""


def as_text(value: Json) -> str:
    """JSON text, for values in questions: those are keys."""
    return jsontext.dumps(value).decode()


class Unanswered(Enum):
    """The outcome of a rule that needs an answer which is not there yet."""

    UNANSWERED = "unanswered"


UNANSWERED: Final = Unanswered.UNANSWERED


class FunctionRaisedError(Exception):
    """A user's function raised: nothing decided in this step counts, and the run fails."""


class Step:
    """Collects facts and commands; the run is always the fold of the facts so far."""

    __slots__ = ("_facts", "_questions", "_reuses", "at", "commands", "context", "flow", "reused", "run", "taken")

    def __init__(self, flow: Flow, run: Run, at: float, context: Context) -> None:
        self.flow = flow
        self.run = run
        self.at = at
        self.context = context
        self.commands: list[Command] = []
        self.reused: list[tuple[int, int, NodeReused]] = []
        """Nodes that earlier results stand for. They finish one by one, like any others."""
        self.taken: Counter[str] = Counter()
        """Of what a retry keeps: how many instances of a kind were given."""
        self._reuses = 0
        self._facts: list[Fact] = []
        self._questions: dict[Question, None] = {}

    def reuse(self, fact: NodeReused, place: int = 0) -> None:
        """Let a node finish in this step: those of a retry in the order in which they ended, others as they come."""
        self._reuses += 1
        heappush(self.reused, (place, self._reuses, fact))

    def next_reused(self) -> NodeReused:
        return heappop(self.reused)[2]

    def record(self, fact: Fact) -> None:
        self.run = evolve(self.run, fact, self.at)
        self._facts.append(fact)

    def ask(self, question: Question) -> Json | Unanswered:
        """The answer, or UNANSWERED, and then the step ends as `Needs`. Raises FunctionRaisedError."""
        try:
            answer = self.context.answers[question]
        except KeyError:
            self._questions[question] = None
            return UNANSWERED
        if isinstance(answer, Raised):
            raise FunctionRaisedError(answer.message)
        return answer

    @property
    def is_open(self) -> bool:
        """Whether something must be asked first; then there is no sense in going on."""
        return bool(self._questions)

    def outcome(self) -> Decision | Needs:
        if self._questions:
            return Needs(tuple(self._questions))
        return Decision(run=self.run, facts=tuple(self._facts), commands=tuple(self.commands))
