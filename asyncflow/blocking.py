"""The Python API for synchronous code, such as Django's and Flask's: the same verbs, each of which blocks.

with asyncflow.BlockingClient("amqp://...") as client:
    run = client.start("dinner", {"guests": 4})
    outcome = run.wait(timeout=60)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from asyncflow.client import Client, RunHandle, broker_of, connect
from asyncflow.model.names import Json
from asyncflow.model.outcome import Outcome, Retry


class BlockingClient:
    """One connection, in a thread of its own, for any number of threads. Open it after a server has forked.

    The broker is `url`, or else the environment's ASYNCFLOW_BROKER_URL; likewise ASYNCFLOW_NAMESPACE. Entering raises
    BrokerError when it cannot be reached; methods raise what those of `Client` do, which also say what they take.
    """

    def __init__(self, url: str = "", *, namespace: str = "", timeout: float = 10.0) -> None:
        self._broker = broker_of(url, namespace)
        self._timeout = timeout
        self._stack = ExitStack()
        self._portal: BlockingPortal
        self._client: Client

    def __enter__(self) -> Self:
        url, namespace = self._broker
        with ExitStack() as stack:
            self._portal = stack.enter_context(start_blocking_portal("asyncio"))
            opened = connect(url, namespace=namespace, timeout=self._timeout)
            self._client = stack.enter_context(self._portal.wrap_async_context_manager(opened))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, exc, trace)

    def start(self, flow: str, node_args: Json = None, **options: Any) -> BlockingRun:
        """`Client.start`, with the same options: run_id, labels, priority, only ..."""
        return self.run(self._portal.call(partial(self._client.start, flow, node_args, **options)).id)

    def start_many(self, flow: str, node_args: Sequence[Json], **options: Any) -> list[BlockingRun]:
        started = self._portal.call(partial(self._client.start_many, flow, node_args, **options))
        return [self.run(run.id) for run in started]

    def run(self, run_id: str) -> BlockingRun:
        """A run that was started before, by its id or the unique beginning of one."""
        return BlockingRun(self._portal, self._client.run(run_id))

    def list(self, **filters: Any) -> Sequence[Mapping[str, Json]]:
        """`Client.list`, with the same filters: flow, state, labels, since, until, search, limit."""
        return self._portal.call(partial(self._client.list, **filters))

    def flows(self) -> Sequence[str]:
        return self._portal.call(self._client.flows)


class BlockingRun:
    """One run, by its id."""

    def __init__(self, portal: BlockingPortal, run: RunHandle) -> None:
        self._portal = portal
        self._run = run
        self.id = run.id

    def wait(self, timeout: float | None = None) -> Outcome:
        """The outcome, when the run is over. Raises TimeoutError."""
        return self._portal.call(self._run.wait, timeout)

    def status(self) -> Outcome:
        return self._portal.call(self._run.status)

    def cancel(self, reason: str = "") -> None:
        self._portal.call(self._run.cancel, reason)

    def pause(self) -> None:
        self._portal.call(self._run.pause)

    def resume(self) -> None:
        self._portal.call(self._run.resume)

    def retry(self, *, from_: str | Sequence[str] = (), run_id: str | None = None) -> BlockingRun:
        again = self._portal.call(partial(self._run.retry, from_=from_, run_id=run_id))
        return BlockingRun(self._portal, again)

    def preview_retry(self, *, from_: str | Sequence[str] = ()) -> Retry:
        return self._portal.call(partial(self._run.preview_retry, from_=from_))
