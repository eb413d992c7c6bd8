"""What a cache of your own inherits from."""

from __future__ import annotations

from abc import ABC, abstractmethod

from asyncflow.model.names import Json


class Cache(ABC):
    @abstractmethod
    def add(self, item_id: str, item: Json, task_name: str | None = None, flow_name: str | None = None) -> None:
        """Keep an item."""

    @abstractmethod
    def get(self, item_id: str, task_name: str | None = None, flow_name: str | None = None) -> Json:
        """An item. Raises CacheMissError."""
