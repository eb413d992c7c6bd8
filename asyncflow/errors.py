"""Every exception of asyncflow, and the problems that a configuration can have.

AsyncflowError
    ConfigurationError        the YAML files or settings are wrong; carries every problem found
    RequestError              a caller asked for something that cannot be done
        UnknownFlowError      no flow of that name is configured
        UnknownRunError       no run has that id
        UnknownNodeError      no node of the run has that id
        InvalidNodeArgsError  the node args are not JSON, or not what the flow takes
        SelectiveNoPathError  no path leads to a requested task
        AmbiguousRunError     a run id prefix fits several runs
        SignalRefusedError    a run that is over, or that never waits for such a signal
            InvalidPayloadError   the payload is not what the nodes that wait for the signal take
        EndlessRunError       a simulated run is not over after many nodes
    ConnectionFailedError     something outside cannot be reached
        BrokerError           the AMQP broker
        StoreError            the dispatcher's own store
            FencedError       another dispatcher owns this partition, or moved this run, meanwhile
                LeaseLostError    the former
            StoreInUseError   another dispatcher has opened this store, which takes one only
        StorageError          a storage of task results
    NoDispatcherError         no dispatcher has answered; says whether the request is kept in the broker
    MissingResultError        a storage has no record of a task's result; waiting does not mend that
    BrokenStorageError        a storage failed in another way that waiting does not mend
    CacheMissError            a cache of results does not hold one
    EnvelopeError             a message that must not be published, for it would harm workers
    FunctionError             a predicate, foreach or selective function could not be imported or raised
    RunFailedError            a run that was waited for has failed
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Where in a file something stands; lines and columns count from 1, ends are exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a configuration: what, where, and how to mend it."""

    code: str
    message: str
    place: Place | None = None
    severity: Severity = Severity.ERROR
    label: str = ""
    hint: str = ""
    related: tuple[tuple[Place, str], ...] = ()

    def __str__(self) -> str:
        where = "" if self.place is None else f"{self.place.file}:{self.place.line}:{self.place.column}: "
        hint = f" (hint: {self.hint})" if self.hint else ""
        return f"{where}{self.severity.value}[{self.code}]: {self.message}{hint}"


class AsyncflowError(Exception):
    """Root of everything that asyncflow raises on purpose."""


class ConfigurationError(AsyncflowError):
    """The configuration is wrong; `problems` holds everything found in one pass, `sources` the files' texts."""

    def __init__(self, problems: Sequence[Problem], sources: Mapping[str, str] | None = None) -> None:
        self.problems = tuple(problems)
        self.sources = dict(sources or {})
        super().__init__("\n".join(map(str, self.problems)))


class RequestError(AsyncflowError):
    """A caller asked for something that cannot be done."""


class UnknownFlowError(RequestError):
    def __init__(self, flow: str, known: Sequence[str] = ()) -> None:
        self.flow = flow
        listed = f"; configured flows: {', '.join(sorted(known))}" if known else ""
        super().__init__(f"no flow is named {flow!r}{listed}")


class UnknownRunError(RequestError):
    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"no run has the id {run_id!r}")


class UnknownNodeError(RequestError):
    def __init__(self, id: str, run_id: str) -> None:
        super().__init__(f"no node of run {run_id!r} has the id {id!r}")


class AmbiguousRunError(RequestError):
    def __init__(self, prefix: str, found: Sequence[str]) -> None:
        super().__init__(f"{prefix!r} begins the ids of {len(found)} runs ({', '.join(found)}); give more of it")


class InvalidNodeArgsError(RequestError):
    """The node args are not JSON, or not what the flow takes."""


class SelectiveNoPathError(RequestError):
    def __init__(self, flow: str, tasks: Sequence[str]) -> None:
        super().__init__(f"in flow {flow!r} no path of edges leads to {', '.join(sorted(tasks))}")


class SignalRefusedError(RequestError):
    """A signal that is not taken; nothing of it is kept."""

    @classmethod
    def ended(cls, run_id: str, flow: str, state: str) -> SignalRefusedError:
        return cls(f"run {run_id} of flow {flow!r} is over ({state}), and takes no signals any more")


class InvalidPayloadError(SignalRefusedError):
    """The payload of a signal is not JSON, too large, or not what the nodes that wait for it take."""


class EndlessRunError(RequestError):
    def __init__(self, nodes: int) -> None:
        super().__init__(f"not over after {nodes} nodes; does a cycle never end? Otherwise give a greater `most`")


class ConnectionFailedError(AsyncflowError):
    """Something outside cannot be reached."""


class BrokerError(ConnectionFailedError):
    """The AMQP broker cannot be reached or refused."""


class StoreError(ConnectionFailedError):
    """The dispatcher's store cannot be reached or refused."""


class FencedError(StoreError):
    """Another dispatcher owns this partition, or has moved this run, meanwhile."""


class LeaseLostError(FencedError):
    """Another dispatcher owns this partition by now: who had it must not move its runs any more."""


class StoreInUseError(StoreError):
    """Another dispatcher has opened this store, which takes one only."""


class StorageError(ConnectionFailedError):
    """A storage of task results cannot be reached or refused."""


class MissingResultError(AsyncflowError):
    def __init__(self, storage: str, flow: str, task: str, id: str) -> None:
        self.id = id
        super().__init__(f"storage {storage!r} has no result of task {task!r} in flow {flow!r} under the id {id}")


INLINE_LIMIT = 1024 * 1024
"""Bytes of a result that the dispatcher keeps itself."""


class ResultTooLargeError(AsyncflowError):
    def __init__(self, size: int, most: int = INLINE_LIMIT) -> None:
        super().__init__(
            f"the result takes {size} bytes, more than the {most} that are kept inline; give the task a `storage`"
        )


class BrokenStorageError(AsyncflowError):
    """A storage failed, and waiting does not mend that: a result that it cannot keep, a mistake in its code."""


class CacheMissError(AsyncflowError):
    """A cache of results does not hold this one; a custom cache may raise it, or anything else."""


class NoDispatcherError(AsyncflowError):
    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(
            f"no dispatcher answered within {seconds:g} s; {what}. Is `asyncflow serve` running on this broker?"
        )


class EnvelopeError(AsyncflowError):
    """A message that must not be published: a malformed one would stop every worker that takes it."""


class FunctionError(AsyncflowError):
    """A predicate, foreach or selective function could not be imported, or raised."""


class RunFailedError(AsyncflowError):
    def __init__(self, run_id: str, flow: str, reason: str) -> None:
        self.run_id = run_id
        super().__init__(f"run {run_id} of flow {flow!r} failed: {reason}")
