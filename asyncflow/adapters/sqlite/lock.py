"""The advisory lock that lets one dispatcher at a time write a SQLite store."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from asyncflow.errors import StoreInUseError


class FileLock:
    """Held from `acquire` to `release`; the kernel drops it when the process dies. The file stays, or two could hold it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or say in a StoreInUseError who has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            owner = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreInUseError(
                f"another dispatcher (process {owner}) uses this store: it holds {self._path}; "
                "stop that one, or give this one another path"
            ) from exc
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
