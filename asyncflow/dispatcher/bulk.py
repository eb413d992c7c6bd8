"""Many starts that came in one message: answered once, when all of them are durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asyncflow.dispatcher.work import Work
from asyncflow.errors import AsyncflowError, RequestError
from asyncflow.model import jsontext
from asyncflow.model import requests as r
from asyncflow.model.events import RunRequested


class Bulk:
    """Counts the starts down; the first refusal is the answer. A crash in between brings the message again."""

    def __init__(self, events: Sequence[RunRequested], send: Callable[[bytes], None], done: Callable[[], None]) -> None:
        self._events = events
        self._left = len(events)
        self._send = send
        self._done = done
        self._refusal: AsyncflowError | None = None

    def works(self) -> list[Work]:
        return [Work(event=event, committed=self._settle, refused=self._refuse) for event in self._events]

    def _refuse(self, error: AsyncflowError) -> None:
        self._refusal = self._refusal or error

    def _settle(self) -> None:
        self._left -= 1
        if self._left:
            return
        ids = [event.run_id for event in self._events]
        self._send(r.encode_refusal(self._refusal) if self._refusal else jsontext.dumps({"run_ids": ids}))
        self._done()


def placed(error: RequestError, place: int) -> RequestError:
    """Which of many starts is refused."""
    refused = type(error).__new__(type(error))  # the sentence is built already
    RequestError.__init__(refused, f"start {place + 1}: {error}")
    return refused
