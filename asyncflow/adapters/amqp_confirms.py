"""What the broker has not confirmed yet, on one channel: which outcome belongs to which message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import takewhile

from asyncflow.adapters import amqp_properties
from asyncflow.adapters.amqp_frames import ACK, HEADER, METHOD, NACK, RETURN, confirmed, method_of, publish_frames
from asyncflow.ports import Message, Published


class Sent:
    """Messages that were written together. `settled` is done when each has its outcome."""

    def __init__(self, count: int) -> None:
        self.outcomes = [Published.UNKNOWN] * count
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open = count

    def settle(self, place: int, outcome: Published) -> None:
        self.outcomes[place] = outcome
        self._open -= 1
        if not self._open and not self.settled.done():
            self.settled.set_result(None)


class Confirms:
    """Counts what is published over a channel as the broker does, from 1, and takes its answers.

    A message that no queue takes comes back before it is confirmed; its `message_id`, our number, says which it was.
    """

    def __init__(self, channel: int, frame_max: int) -> None:
        self._channel = channel
        self._frame_max = frame_max
        self._number = 0
        self._open: dict[int, tuple[Sent, int]] = {}
        self._returned: set[int] = set()
        self._returning = False

    def write(self, messages: Sequence[Message], refused: Callable[[Exception], None]) -> tuple[Sent, bytes]:
        """The frames of messages, which count as written from now on; one that cannot be encoded is refused."""
        sent = Sent(len(messages))
        frames = []
        for place, message in enumerate(messages):
            number = self._number + 1
            try:
                frames.append(publish_frames(message, self._channel, self._frame_max, str(number)))
            except Exception as exc:  # noqa: BLE001  (each message has an outcome, whatever is in it)
                refused(exc)
                sent.settle(place, Published.REFUSED)
                continue
            self._number = number
            self._open[number] = (sent, place)
        return sent, b"".join(frames)

    def take(self, kind: int, payload: bytes) -> bool:
        """A frame of the channel: whether it was an answer to a publish."""
        if kind != METHOD:
            if kind == HEADER and self._returning:
                self._returning = False
                self._note_returned(amqp_properties.read(payload).message_id)
            return True
        method = method_of(payload)
        if method == ACK:
            self._answer(*confirmed(payload), Published.CONFIRMED)
        elif method == NACK:
            self._answer(*confirmed(payload), Published.REFUSED)
        elif method == RETURN:
            self._returning = True
        else:
            return False
        return True

    def abandon(self) -> None:
        """No more answers will come: what is open stays unknown."""
        for sent, _ in self._open.values():
            if not sent.settled.done():
                sent.settled.set_result(None)
        self._open.clear()

    def _note_returned(self, message_id: str) -> None:
        if message_id.isdecimal():
            self._returned.add(int(message_id))

    def _answer(self, number: int, multiple: bool, outcome: Published) -> None:
        if not multiple:
            self._settle(number, outcome)
            return
        for one in list(takewhile(number.__ge__, self._open)):  # they stand in the order of their numbers
            self._settle(one, outcome)

    def _settle(self, number: int, outcome: Published) -> None:
        found = self._open.pop(number, None)
        if found is None:
            return
        if number in self._returned:
            self._returned.discard(number)
            outcome = Published.UNROUTABLE
        sent, place = found
        sent.settle(place, outcome)
