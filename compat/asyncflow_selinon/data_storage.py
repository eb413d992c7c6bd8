"""What a storage of your own inherits from."""

from __future__ import annotations

from typing import Any

from asyncflow.storages import interface


class SelinonMissingDataException(Exception):  # noqa: N818  (Selinon's name)
    """Raised by a storage that has no such record."""


class DataStorage(interface.DataStorage):
    """As asyncflow.storages.interface.DataStorage, and its constructor takes anything, as Selinon's did."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
