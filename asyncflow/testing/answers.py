"""Answers to what the rules have to ask: results from memory, users' functions called at once, slots by virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asyncflow.dispatcher.functions import answered, found
from asyncflow.errors import RequestError
from asyncflow.model.condition import Function
from asyncflow.model.decision import Answer, OutlineOf, Question, Raised, ResultOf, SlotOf
from asyncflow.model.names import Json, NodeName, TaskId
from asyncflow.model.outline import Outline


class MemoryAnswers:
    """`results` holds what attempts at tasks have returned; `functions` stand for those of the user's modules."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._functions = functions
        self._last_starts: dict[NodeName, float] = {}
        self.results: dict[TaskId, Json] = {}
        self.outlines: dict[OutlineOf, Outline] = {}
        """Of every definition that flows have had."""

    def answer(self, question: Question, now: float) -> Answer:
        """Raises RequestError where a result is asked for that nobody told the simulation of."""
        match question:
            case ResultOf():
                return self._result(question.task, question.id)
            case SlotOf():
                return self._slot(question, now)
            case OutlineOf():
                return self.outlines.get(question)
        pool = _MemoryPool(self._result, dict(question.sources))
        try:
            return answered(self._found(question.function), question, pool)
        except RequestError:
            raise
        except Exception as exc:  # noqa: BLE001  (whatever a user's function raises is the answer)
            return Raised(f"{question.function}: {type(exc).__name__}: {exc}")

    def _found(self, function: Function) -> Callable[..., Any]:
        return self._functions.get(str(function)) or found(function)

    def _result(self, task: NodeName, id: TaskId) -> Json:
        if id not in self.results:
            hint = f"tell it by `sim.remember({{{id!r}: ...}})` before"
            raise RequestError(
                f"the flow reads the result of {task} ({id}), which the simulation does not know; {hint}"
            )
        return self.results[id]

    def _slot(self, question: SlotOf, now: float) -> float:
        last = self._last_starts.get(question.node)
        slot = now if last is None else max(now, last + question.interval)
        self._last_starts[question.node] = slot
        return slot


class _MemoryPool:
    """What foreach, selective and predicate functions read the results of an edge's sources with."""

    def __init__(self, read: Callable[[NodeName, TaskId], Json], ids: Mapping[NodeName, TaskId]) -> None:
        self._read = read
        self._ids = ids

    def get(self, task_name: str) -> Json:
        """The result of a source. Raises KeyError for any other task."""
        name = NodeName(task_name)
        return self._read(name, self._ids[name])
