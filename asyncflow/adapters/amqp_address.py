"""Where an AMQP broker is, told without its password, and what went wrong there as one sentence."""

from __future__ import annotations

import ssl

from aiormq import exceptions as refused
from yarl import URL

from asyncflow.errors import BrokerError

_SCHEMES = ("amqp", "amqps")


class Address:
    """The URL of a broker. `str` of it leaves the password out."""

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self.vhost = self.url.path[1:].replace("%2F", "/") or "/"

    def __str__(self) -> str:
        return str(self.url.with_password(None).with_query(None))

    def error(self, exc: BaseException) -> BrokerError:
        """The sentence for what a connection attempt raised."""
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
            case refused.IncompatibleProtocolError() | EOFError():
                return "does not speak AMQP 0-9-1, or closed the connection at once; is it RabbitMQ?"
            case TimeoutError():
                return "does not answer"
            case ssl.SSLError():
                return f"cannot be trusted over TLS: {exc}"
        return f"cannot be reached: {_told(exc)}"


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


def _told(exc: BaseException) -> str:
    """What the innermost cause says; the libraries wrap it without a word of their own."""
    while exc.__cause__ is not None:
        exc = exc.__cause__
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return str(exc) or type(exc).__name__
