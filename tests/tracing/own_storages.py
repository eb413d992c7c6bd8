"""Storages and caches as users write them."""

from __future__ import annotations

from typing import Any, ClassVar

from asyncflow.storages import DataStorage


class Shelf(DataStorage):
    """Keeps results; keeps no errors."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}
        self._connected = False

    def connect(self) -> None:
        self._connected = True

    def is_connected(self) -> bool:
        return self._connected

    def retrieve(self, flow_name: str, task_name: str, task_id: str) -> Any:
        if task_id not in self._kept:
            raise FileNotFoundError(task_id)
        return self._kept[task_id]

    def store(self, node_args: Any, flow_name: str, task_name: str, task_id: str, result: Any) -> str:
        self._kept[task_id] = result
        return f"record {task_id}"

    def delete(self, flow_name: str, task_name: str, task_id: str) -> None:
        del self._kept[task_id]


class ShelfOfErrors(Shelf):
    """Keeps errors too."""

    def store_error(self, node_args: Any, flow_name: str, task_name: str, task_id: str, exc_info: Any) -> str:
        return f"error {task_id}"


class Diary(Shelf):
    """A storage that is traced to."""

    written: ClassVar[list[Any]] = []

    def trace(self, event: int, details: dict[str, Any]) -> None:
        assert self.is_connected()
        self.written.append((event, details))

    def note(self, event: int, details: dict[str, Any]) -> None:
        self.written.append(("noted", event))


class BrokenCache:
    def __init__(self) -> None:
        pass

    def add(self, item_id: str, item: Any, task_name: Any = None, flow_name: Any = None) -> None:
        raise RuntimeError("full")

    def get(self, item_id: str, task_name: Any = None, flow_name: Any = None) -> Any:
        raise RuntimeError("torn")
