"""Streams of changes, as server-sent events: a run's, and the list's.

Every stream begins with how things are, so a client that comes back needs no place to go on from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from asyncflow.errors import AsyncflowError
from asyncflow.model.names import Json
from asyncflow.web.answers import strict_json
from asyncflow.web.endpoint import Call
from asyncflow.web.runs import listed
from asyncflow.web.site import Site

Emit: TypeAlias = Callable[[str, Json], Awaitable[None]]

EVENT_STREAM = "text/event-stream"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def follow_run(site: Site, call: Call) -> Response:
    """`run`: the whole report; `changes`: what was committed since; `progress`; `end`: the report of a run that is over.

    In few words, `run` is told again after changes, and no changes are.
    """
    most = call.query["most"]
    run_id = (await site.client.run(call.path("run")).digest(0))["run_id"]

    async def produce(emit: Emit) -> None:
        if most is None:
            while not await _conversation(site, run_id, emit):
                pass
        else:
            while not await _in_few_words(site, run_id, most, emit):
                pass

    return EventStream(site, call, produce)


async def _conversation(site: Site, run_id: str, emit: Emit) -> bool:
    """Until the run is over, or nothing was heard for long; whether it is over."""
    with anyio.CancelScope(deadline=anyio.current_time() + site.timing.reminder) as scope:
        async with site.client.run(run_id).changes() as answers:
            async for message in answers:
                scope.deadline = anyio.current_time() + site.timing.reminder
                over = bool(message.get("ended"))
                await emit("end" if over else _kind(message), message)
                if over:
                    return True
    return False


async def _in_few_words(site: Site, run_id: str, most: int, emit: Emit) -> bool:
    """As above. Changes come faster than anyone reads: they are told together, and less often the longer that takes."""
    run = site.client.run(run_id)
    moved = anyio.Event()
    ended = failed = None

    async def tell() -> None:
        nonlocal moved
        while True:
            await moved.wait()
            moved = anyio.Event()
            began = anyio.current_time()
            with suppress(AsyncflowError):  # what ends the conversation is told by its answers
                await emit("run", {"run": await run.digest(most)})
            await anyio.sleep(max(site.timing.batch, 3 * (anyio.current_time() - began)))

    with anyio.CancelScope(deadline=anyio.current_time() + site.timing.reminder) as scope:
        async with run.changes(most) as answers, anyio.create_task_group() as group:
            group.start_soon(tell)
            try:
                async for message in answers:
                    scope.deadline = anyio.current_time() + site.timing.reminder
                    if message.get("ended"):
                        ended = message
                        break
                    if "run" in message or "progress" in message:
                        await emit(_kind(message), message)
                    else:
                        moved.set()
            except AsyncflowError as exc:
                failed = exc
            group.cancel_scope.cancel()
    if failed is not None:
        raise failed
    if ended is not None:
        await emit("end", ended)
    return ended is not None


def _kind(message: Mapping[str, Json]) -> str:
    return next((kind for kind in ("run", "progress") if kind in message), "changes")


async def follow_runs(site: Site, call: Call) -> Response:
    """`runs`: the list, whenever it is another."""
    first = await listed(site, call)

    async def produce(emit: Emit) -> None:
        runs = first
        while True:
            await emit("runs", {"runs": runs})
            seen = runs
            while runs == seen:
                await anyio.sleep(site.timing.look)
                runs = await listed(site, call)

    return EventStream(site, call, produce)


class EventStream(Response):
    """Ends when the producer does, the client leaves, or the server closes; a heartbeat shows that it is alive."""

    media_type = EVENT_STREAM

    def __init__(self, site: Site, call: Call, produce: Callable[[Emit], Awaitable[None]]) -> None:
        """Raises Refused where there are too many already."""
        site.pace.check_stream(call.client)
        super().__init__(headers=_HEADERS)
        self._client = call.client
        del self.headers["content-length"]
        self._site = site
        self._produce = produce
        self._sending = anyio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._site.pace.stream(self._client):
            await self._serve(receive, send)

    async def _serve(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        self._site.meters.stream(1)
        try:
            async with anyio.create_task_group() as group:

                async def until(over: Callable[[], Awaitable[None]]) -> None:
                    await over()
                    group.cancel_scope.cancel()

                group.start_soon(until, lambda: _left(receive))
                group.start_soon(until, self._site.closing.wait)
                group.start_soon(self._beat, send)
                group.start_soon(until, lambda: self._tell(send))
        finally:
            self._site.meters.stream(-1)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, send: Send) -> None:
        async def emit(event: str, content: Json) -> None:
            await self._write(send, b"event: %s\ndata: %s\n\n" % (event.encode(), strict_json(content)))

        try:
            await self._produce(emit)
        except AsyncflowError as exc:  # the answer has begun: its status can be no other any more
            await emit("error", {"error": {"type": type(exc).__name__, "message": str(exc)}})

    async def _beat(self, send: Send) -> None:
        while True:
            await self._write(send, b": alive\n\n")
            await anyio.sleep(self._site.timing.heartbeat)

    async def _write(self, send: Send, text: bytes) -> None:
        async with self._sending:
            await send({"type": "http.response.body", "body": text, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
