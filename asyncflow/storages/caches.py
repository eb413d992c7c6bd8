"""Caches of results in front of storages: FIFO, LIFO, LRU, MRU and RR, which differ in what they drop when full.

A cache of your own is any class with `add` and `get` as below; whatever its `get` raises means that it has no item.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import MutableMapping
from threading import Lock

import cachetools

from asyncflow.errors import CacheMissError
from asyncflow.model.names import Json


class Cache:
    """At most `max_cache_size` items; with 0, none."""

    def __init__(self, max_cache_size: int) -> None:
        if max_cache_size < 0:
            raise ValueError("`max_cache_size` must be 0 or more")
        self._items = self._made(max_cache_size)
        self._is_off = max_cache_size == 0
        self._lock = Lock()

    def _made(self, size: int) -> MutableMapping[str, Json]:
        raise NotImplementedError

    def add(self, item_id: str, item: Json, task_name: str | None = None, flow_name: str | None = None) -> None:
        """Keep an item; one that is there already stays, and counts as used no later than before."""
        with self._lock:
            if not self._is_off and item_id not in self._items:
                self._items[item_id] = item

    def get(self, item_id: str, task_name: str | None = None, flow_name: str | None = None) -> Json:
        """An item. Raises CacheMissError."""
        with self._lock:
            try:
                return self._items[item_id]
            except KeyError:
                raise CacheMissError(f"{item_id} is not in the cache") from None

    def discard(self, item_id: str) -> None:
        """Forget an item, if it is there. A cache of your own may have this too; without it, items stay."""
        with self._lock:
            self._items.pop(item_id, None)


class FIFO(Cache):
    """Drops what was added first."""

    def _made(self, size: int) -> MutableMapping[str, Json]:
        return cachetools.FIFOCache(size)


class LIFO(Cache):
    """Drops what was added last."""

    def _made(self, size: int) -> MutableMapping[str, Json]:
        return _LastInFirstOut(size)


class LRU(Cache):
    """Drops what was not used for longest."""

    def _made(self, size: int) -> MutableMapping[str, Json]:
        return cachetools.LRUCache(size)


class MRU(Cache):
    """Drops what was used last."""

    def _made(self, size: int) -> MutableMapping[str, Json]:
        return _MostRecentlyUsed(size)


class RR(Cache):
    """Drops any item, drawn by chance."""

    def _made(self, size: int) -> MutableMapping[str, Json]:
        return cachetools.RRCache(size, choice=random.choice)


class _LastInFirstOut(cachetools.Cache[str, Json]):
    """A policy that cachetools lacks."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._order: OrderedDict[str, None] = OrderedDict()

    def __setitem__(self, key: str, value: Json) -> None:
        super().__setitem__(key, value)
        self._order[key] = None

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        del self._order[key]

    def popitem(self) -> tuple[str, Json]:
        key = next(reversed(self._order))
        return key, self.pop(key)


class _MostRecentlyUsed(_LastInFirstOut):
    """Another one: reading counts as well."""

    def __getitem__(self, key: str) -> Json:
        value = super().__getitem__(key)
        self._order.move_to_end(key)
        return value
