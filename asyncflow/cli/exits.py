"""How a command ends: the exit codes, and which exception leads to which."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from asyncflow import errors


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    """The flow failed or was cancelled."""
    WRONG = 2
    """Wrong use, or a wrong configuration."""
    NOT_FOUND = 3
    CONFLICT = 4
    UNREACHABLE = 5
    """The broker or the store cannot be reached, or no dispatcher answers."""
    INTERRUPTED = 130


_EXITS: tuple[tuple[type[errors.AsyncflowError], Exit], ...] = (
    (errors.UnknownFlowError, Exit.NOT_FOUND),
    (errors.UnknownRunError, Exit.NOT_FOUND),
    (errors.AmbiguousRunError, Exit.CONFLICT),
    (errors.InvalidPayloadError, Exit.WRONG),
    (errors.SignalRefusedError, Exit.CONFLICT),
    (errors.StoreInUseError, Exit.CONFLICT),
    (errors.FencedError, Exit.CONFLICT),
    (errors.ConnectionFailedError, Exit.UNREACHABLE),
    (errors.NoDispatcherError, Exit.UNREACHABLE),
    (errors.RunFailedError, Exit.FAILED),
    (errors.AsyncflowError, Exit.WRONG),
)
"""The first class that fits counts."""

_HINTS: tuple[tuple[type[errors.AsyncflowError], str], ...] = (
    (errors.UnknownRunError, "`asyncflow list` shows the runs; give it the same --broker or --store"),
    (errors.StoreInUseError, "end that one first, or give another file: --store sqlite:///PATH"),
    (errors.BrokerError, "is the broker running, and is the URL right? (--broker, ASYNCFLOW_BROKER_URL)"),
)


def exit_of(error: errors.AsyncflowError) -> Exit:
    return next(code for kind, code in _EXITS if isinstance(error, kind))


def hint_of(error: errors.AsyncflowError) -> str:
    """How to go on; empty where the message says it already."""
    return next((hint for kind, hint in _HINTS if isinstance(error, kind)), "")


def expected(error: BaseException) -> errors.AsyncflowError | None:
    """The error to tell of, where it was raised on purpose; task groups wrap it in groups. None: a bug."""
    leaves = list(_leaves(error))
    found = [leaf for leaf in leaves if isinstance(leaf, errors.AsyncflowError)]
    return found[0] if found and len(found) == len(leaves) else None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
