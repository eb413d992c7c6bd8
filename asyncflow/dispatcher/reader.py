"""Reading task results, wherever they are kept: inline in the store, or in the task's storage."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from asyncflow.model import jsontext
from asyncflow.model.flow import Task
from asyncflow.model.names import FlowName, Json, NodeName, TaskId
from asyncflow.ports import Results, Store

_MOST_BYTES = 32 * 1024 * 1024
_OVERHEAD = 200
"""Bytes that an entry takes besides the result itself."""


class ResultReader:
    """Inline results that were written or read lately are at hand; others are read from the store."""

    def __init__(self, tasks: Mapping[NodeName, Task], store: Store, results: Results) -> None:
        self._tasks = tasks
        self._store = store
        self._results = results
        self._inline: OrderedDict[TaskId, bytes] = OrderedDict()
        self._bytes = 0

    def is_inline(self, name: NodeName) -> bool:
        task = self._tasks.get(name)
        return task is None or task.storage is None

    def note(self, id: TaskId, result: bytes) -> None:
        """Keep an inline result at hand, at least until the next `trim`."""
        before = self._inline.pop(id, None)
        self._inline[id] = result
        self._bytes += _size(result) - (0 if before is None else _size(before))

    def trim(self) -> None:
        """Let go of what is too much. Called when all that was noted is committed, so that the store has it."""
        while self._bytes > _MOST_BYTES:
            self._bytes -= _size(self._inline.popitem(last=False)[1])

    async def inline(self, ids: Iterable[TaskId]) -> dict[TaskId, Json]:
        """Inline results by id; ids without one are left out. Raises StoreError."""
        wanted = list(dict.fromkeys(ids))
        cold = [id for id in wanted if id not in self._inline]
        if cold:
            for id, result in (await self._store.results(cold)).items():
                self.note(id, result)
        return {id: jsontext.loads(self._inline[id]) for id in wanted if id in self._inline}

    async def read(self, flow: FlowName, name: NodeName, id: TaskId) -> Json:
        """One result; None where a task kept none. Raises StoreError, and StorageError where waiting may help."""
        if self.is_inline(name):
            return (await self.inline([id])).get(id)
        return await self._results.retrieve(await self._flow_of(id, flow), self._tasks[name], id)

    async def _flow_of(self, id: TaskId, asking: FlowName) -> FlowName:
        """The flow in which the task ran: not always the one that asks for its result."""
        run_id = (await self._store.run_of([id])).get(id)
        header = None if run_id is None else await self._store.header(run_id)
        return asking if header is None else header.flow


def _size(result: bytes) -> int:
    return len(result) + _OVERHEAD
