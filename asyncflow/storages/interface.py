"""What a storage of task results is: the interface of every adapter here, and of storages of your own.

A class fulfils it by its methods and need not inherit. Each of them may be `async def`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, ClassVar, TypeAlias

from asyncflow.model.names import Json

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]
"""As sys.exc_info() returns it."""


class DataStorage(ABC):
    """Made once per process, from the `configuration` in the YAML, and connected when first used.

    A method that fails because the storage cannot be reached raises ConnectionError or TimeoutError, or what its driver
    raises then: it is called once more on a new connection, and after that waiting and trying again is up to the caller.
    """

    thread_safe: ClassVar[bool] = False
    """Whether several threads may call an instance at once; otherwise its calls wait for each other."""

    def connect(self) -> Any:  # noqa: B027  (a storage without connections needs none)
        """Open whatever is needed. Called before the first use and after a failure."""

    def is_connected(self) -> Any:
        """Whether `connect` need not be called."""
        return True

    def disconnect(self) -> Any:  # noqa: B027  (as connect)
        """Close what `connect` opened, also when it is broken."""

    @abstractmethod
    def retrieve(self, flow_name: str, task_name: str, task_id: str) -> Any:
        """The result of a task. Raises FileNotFoundError where there is none."""

    @abstractmethod
    def store(self, node_args: Json, flow_name: str, task_name: str, task_id: str, result: Json) -> Any:
        """Keep a result, in the place of one with the same id: a task may run twice. Returns an id of the record."""

    def store_error(self, node_args: Json, flow_name: str, task_name: str, task_id: str, exc_info: ExcInfo) -> Any:
        """Keep why a task failed. Raises NotImplementedError where errors are not kept."""
        raise NotImplementedError

    def delete(self, flow_name: str, task_name: str, task_id: str) -> Any:
        """Forget a result. Raises FileNotFoundError where there is none."""
        raise NotImplementedError(f"{type(self).__name__} cannot delete results")
