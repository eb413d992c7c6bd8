"""What waits to be decided: something that came in, and what belongs to it until it is committed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from asyncflow.errors import AsyncflowError
from asyncflow.model.commands import SetTimer
from asyncflow.model.decision import Answer, Question
from asyncflow.model.events import Event
from asyncflow.model.names import RunId
from asyncflow.ports import Completion, Delivery, Entry


@dataclass(slots=True, kw_only=True)
class Work:
    """Either an event, or a completion that becomes one when its run is known.

    It is mutable: answers gather in it while it waits, and it goes back to the queue with them.
    """

    event: Event | None = None
    completion: Completion | None = None
    delivery: Delivery | None = None
    repeats: list[Delivery] = field(default_factory=list)
    """Of the same completion, that came while this one waited for slow answers."""
    timer: SetTimer | None = None
    committed: Callable[[], None] | None = None
    """Called when what follows from it is durable."""
    refused: Callable[[AsyncflowError], None] | None = None
    entries: Sequence[tuple[RunId, Entry]] = ()
    """What was decided, once it is."""
    answers: dict[Question, Answer] = field(default_factory=dict)
    run_id: RunId | None = None
    result: bytes | None = None
    """The result as JSON, to be kept inline with the verdict."""
    is_stored: bool = False
    """Whether the result is in the task's storage already."""

    @property
    def deliveries(self) -> list[Delivery]:
        """What is to be acknowledged when this is committed."""
        return self.repeats if self.delivery is None else [self.delivery, *self.repeats]
