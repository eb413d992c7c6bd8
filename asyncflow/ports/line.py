"""How clients ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from asyncflow.model.names import Json
from asyncflow.model.requests import Request


class Line(Protocol):
    """How a client's requests reach a dispatcher."""

    @property
    def connected(self) -> bool:
        """Whether requests can be sent now."""

    def answers(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[dict[str, Json]]]:
        """Send a request and iterate over its answers; leaving the context ends the conversation.

        Entering waits until the request is kept in a queue: for ever, where no dispatcher has made one.

        The iterator raises the RequestError that the dispatcher refused with, and BrokerError when the request cannot
        be sent. It waits without end where no dispatcher answers: callers set the deadline.
        """
