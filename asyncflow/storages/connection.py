"""One process's connection to a storage: an instance of its class, connected when first used."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from threading import RLock
from typing import Any

from asyncflow.storages.coroutines import Coroutines
from asyncflow.storages.troubles import is_passing


class Connection:
    """May be used by several threads. Belongs to the process that made it: sockets do not survive a fork."""

    def __init__(self, name: str, make: Callable[[], Any], opened: Callable[[], None]) -> None:
        self._make = make
        self._tell_opened = opened
        self._coroutines = Coroutines(f"storage {name}")
        self._lock = RLock()
        self._instance: Any = None
        self._opened = 0
        """How often it was connected; tells a thread whose connection failed whether that is still the current one."""
        self._is_broken = False

    def use(self, call: Callable[[Any], Any]) -> Any:
        """Call a method of the connected instance; once more on a new connection where the first one fails."""
        with self._turn():
            instance, opened = self._connected()
            try:
                return self._coroutines.finish(call(instance))
            except Exception as exc:
                if not is_passing(exc):
                    raise
            self._drop(opened)
            instance, _ = self._connected()
            return self._coroutines.finish(call(instance))

    def close(self) -> None:
        self._drop(self._opened)
        self._coroutines.stop()

    def _turn(self) -> Any:
        """What a call must hold: classes that do not say they are safe are called by one thread at a time."""
        return nullcontext() if getattr(self._made(), "thread_safe", False) else self._lock

    def _made(self) -> Any:
        with self._lock:
            if self._instance is None:
                self._instance = self._make()
            return self._instance

    def _connected(self) -> tuple[Any, int]:
        instance = self._made()
        if self._is_usable(instance):
            return instance, self._opened
        with self._lock:
            if not self._is_usable(instance):
                self._coroutines.finish(getattr(instance, "connect", _nothing)())
                self._is_broken = False
                self._opened += 1
                self._tell_opened()
            return instance, self._opened

    def _is_usable(self, instance: Any) -> bool:
        if self._is_broken:
            return False  # whatever the instance says
        is_connected = getattr(instance, "is_connected", None)
        return bool(self._coroutines.finish(is_connected())) if is_connected else self._opened > 0

    def _drop(self, opened: int) -> None:
        """Disconnect, unless another thread has opened a new connection meanwhile."""
        with self._lock:
            if self._opened == opened and self._instance is not None and not self._is_broken:
                self._is_broken = True
                with suppress(Exception):  # a broken connection may say so
                    self._coroutines.finish(getattr(self._instance, "disconnect", _nothing)())


def _nothing() -> None:
    """What a class without connections does to connect."""
