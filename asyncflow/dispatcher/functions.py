"""Users' functions (predicates, foreach, selective run functions), run in threads: they may block."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import anyio
import anyio.from_thread
import anyio.to_thread

from asyncflow.dispatcher.reader import ResultReader
from asyncflow.errors import FunctionError, StorageError, StoreError
from asyncflow.model import jsontext
from asyncflow.model.condition import Function
from asyncflow.model.decision import Answer, ItemsOf, PredicateOf, Raised, ReuseOf
from asyncflow.model.names import FlowName, Json, NodeName, TaskId

_THREADS = 32

UserQuestion = PredicateOf | ItemsOf | ReuseOf


class Pool(Protocol):
    """The results of an edge's sources."""

    def get(self, task_name: str) -> Json: ...


class StoragePool:
    """What foreach and selective functions get to read the results of an edge's sources with."""

    def __init__(self, reader: ResultReader, flow: FlowName, ids: Mapping[NodeName, TaskId]) -> None:
        self._reader = reader
        self._flow = flow
        self._ids = ids

    def get(self, task_name: str) -> Json:
        """The result of a source. Raises KeyError for any other task. Called in a thread."""
        name = NodeName(task_name)
        return anyio.from_thread.run(self._reader.read, self._flow, name, self._ids[name])


class Functions:
    """Imports users' functions when they are first needed, and calls them off the event loop."""

    def __init__(self, reader: ResultReader) -> None:
        self._reader = reader
        self._limiter = anyio.CapacityLimiter(_THREADS)

    async def answer(self, question: UserQuestion) -> Answer:
        """The function's answer, or Raised with what it raised. Raises StorageError and StoreError, for waiting may help."""
        try:
            pool = StoragePool(self._reader, question.flow, dict(question.sources))
            return await anyio.to_thread.run_sync(
                lambda: answered(found(question.function), question, pool),
                limiter=self._limiter,
                abandon_on_cancel=True,
            )
        except (StorageError, StoreError):
            raise
        except Exception as exc:  # noqa: BLE001  (whatever a user's function raises is the answer)
            return Raised(f"{question.function}: {type(exc).__name__}: {exc}")


def answered(call: Callable[..., Any], question: UserQuestion, pool: Pool) -> Answer:
    """What a user's function says to a question. Raises whatever it raises, and TypeError where JSON cannot say it."""
    node_args = jsontext.loads(question.node_args.encode())
    match question:
        case PredicateOf():
            return _holds(call, question, pool, node_args)
        case ItemsOf():
            return _items(call(pool, node_args))
        case ReuseOf():
            return call(question.flow, question.task, node_args, list(question.requested), pool)


def found(function: Function) -> Callable[..., Any]:
    """Import a user's function. Raises FunctionError."""
    try:
        return getattr(importlib.import_module(function.module), function.name)  # type: ignore[no-any-return]  # user code
    except (ImportError, AttributeError) as exc:
        raise FunctionError(f"cannot import {function}: {exc}") from exc


def _holds(predicate: Callable[..., Any], question: PredicateOf, pool: Pool, node_args: Json) -> bool:
    given = jsontext.loads(question.args.encode())
    wanted = inspect.signature(predicate).parameters
    if "message" in wanted:
        node = question.node or (question.sources[0][0] if len(question.sources) == 1 else None)
        if node is None:
            raise FunctionError(f"{question.place}: predicate {question.function} reads a result; name the `node`")
        given["message"] = pool.get(node)
    if "node_args" in wanted:
        given["node_args"] = node_args
    return bool(predicate(**given))


def _items(yielded: Any) -> Json:
    """As they will stand in the journal: what JSON cannot say must be told here, not when it is committed."""
    return [] if yielded is None else jsontext.loads(jsontext.dumps(list(yielded)))
