"""Messages whose properties cannot be decoded: any AMQP client may publish one to our queue.

pamqp raises for text that is not UTF-8, for unknown field types and for times beyond all calendars; aiormq
then drops the connection, the broker delivers the message again to the next one, and so on for ever. Here
such a message arrives without its properties instead, and is parked like anything else that nobody
understands. pamqp offers no place to say so, hence the one method of a foreign class that is replaced.
"""

from __future__ import annotations

from pamqp.commands import Basic
from pamqp.header import ContentHeader

UNREADABLE_HEADER = "asyncflow_unreadable"


_strictly = ContentHeader.unmarshal


def _tolerantly(header: ContentHeader, data: bytes) -> None:
    try:
        _strictly(header, data)
    except Exception as exc:  # noqa: BLE001  (whatever a decoder stumbles over)
        header.properties = Basic.Properties(headers={UNREADABLE_HEADER: f"{type(exc).__name__}: {exc}"})


def tolerate_unreadable_properties() -> None:
    """Let every connection of this process live through such messages. Calling it again changes nothing."""
    ContentHeader.unmarshal = _tolerantly  # type: ignore[assignment, method-assign]  # see the docstring of this file
