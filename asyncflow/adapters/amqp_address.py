"""Where an AMQP broker is, told without its password, and what went wrong there as one sentence."""

from __future__ import annotations

import asyncio
import os
import ssl

from aiormq import exceptions as refused
from yarl import URL

from asyncflow.errors import BrokerError

_SCHEMES = ("amqp", "amqps")
_NO_BROKER = "does not speak AMQP 0-9-1, or closed the connection at once; is it RabbitMQ?"


class Address:
    """The URL of a broker. `str` of it leaves the password out."""

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self.vhost = self.url.path[1:].replace("%2F", "/") or "/"

    def __str__(self) -> str:
        return str(self.url.with_password(None).with_query(None))

    def error(self, exc: BaseException, *, opened: bool) -> BrokerError:
        """The sentence for what was raised by connecting, or once `opened`, by what is done first."""
        if opened and isinstance(exc, TimeoutError):
            # RabbitMQ 3.10 does so for ever with a quorum queue that was made less than a second before a crash.
            return BrokerError(
                f"the AMQP broker at {self} lets us in, but does not answer for our queue; is the queue healthy there?"
            )
        return BrokerError(f"the AMQP broker at {self} {self._reason(exc)}")

    def _reason(self, exc: BaseException) -> str:
        match exc:
            case refused.AuthenticationError() | refused.ProbableAuthenticationError():
                return f"refused the user {self.url.user or 'guest'!r} or the password"
            case refused.InvalidFrameError() if "Connection.Close" in str(exc):
                # The answer to opening the virtual host, the last step of a connection that all else went well in.
                return f"has no virtual host {self.vhost!r}, or the user {self.url.user or 'guest'!r} may not use it"
            case refused.ChannelAccessRefused():
                return f"does not let the user {self.url.user or 'guest'!r} do what is needed: {exc}"
            case refused.ChannelPreconditionFailed():
                return f"has a queue or exchange of another kind under our name; delete it or set a namespace: {exc}"
            case refused.IncompatibleProtocolError():
                return _NO_BROKER
            case TimeoutError():
                return "does not answer"
            case asyncio.CancelledError():
                return "closed the connection while it was being opened"
            case ssl.SSLError():
                return f"cannot be trusted over TLS: {exc}"
        # The libraries wrap what the network said, some without a word of their own.
        first = _innermost(exc)
        if isinstance(first, EOFError):
            return _NO_BROKER
        return f"cannot be reached: {_told(first)}"


def _parse(url: str) -> URL:
    try:
        parsed = URL(url)
        port = parsed.port
    except (ValueError, TypeError) as exc:
        raise BrokerError("the broker's URL cannot be read; write amqp://user:password@host:5672/vhost") from exc
    if parsed.scheme not in _SCHEMES:
        raise BrokerError(
            f"the broker's URL begins with {parsed.scheme + '://'!r}; dispatching needs RabbitMQ, amqp:// or amqps://"
        )
    if not parsed.host or port == 0:
        raise BrokerError("the broker's URL names no host; write amqp://user:password@host:5672/vhost")
    return parsed


def _innermost(exc: BaseException) -> BaseException:
    while exc.__cause__ is not None:
        exc = exc.__cause__
    return exc


def _told(exc: BaseException) -> str:
    if isinstance(exc, OSError) and exc.errno is not None and exc.errno > 0:
        return os.strerror(exc.errno)
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return str(exc) or type(exc).__name__
