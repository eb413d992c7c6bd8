"""How things are written for people: durations, numbers, names and errors from anywhere, short ids."""

from __future__ import annotations

from datetime import datetime

from asyncflow.model.run import HowFar, TaskError

SHORT_ID = 8


def duration(seconds: float) -> str:
    """0.31 s, 12.4 s, 2m 05s, 3h 07m, 2d 04h."""
    seconds = max(0.0, seconds)
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    for unit, below, size, smaller in (("m", "s", 60, 1), ("h", "m", 3600, 60), ("d", "h", 86400, 3600)):
        if seconds < size * 60 or unit == "d":
            return f"{int(seconds // size)}{unit} {int(seconds % size // smaller):02d}{below}"
    raise AssertionError


def moment(seconds: float) -> str:
    """In local time, to the second."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def one_line(text: str) -> str:
    """Text that anyone may have written: without line breaks, and without what would steer a terminal."""
    return printable(" ".join(text.split()))


def printable(line: str) -> str:
    """A line without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in line)


def of_error(error: TaskError | None) -> str:
    return "" if error is None else one_line(str(error))


def of_whereabouts(worker: str | None, queue: str | None) -> str:
    """What is known of: worker celery@ada, queue dough."""
    known = {"worker": worker, "queue": queue}
    return ", ".join(f"{what} {one_line(name)}" for what, name in known.items() if name)


def of_progress(how_far: HowFar) -> str:
    """3 of 8  beating eggs."""
    done = "" if how_far.done is None else _amount(how_far.done)
    if done and how_far.total is not None:
        done += f" of {_amount(how_far.total)}"
    return "  ".join(part for part in (done, one_line(how_far.text)) if part)


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if amount == int(amount) else f"{amount:,.1f}"


def short(run_id: str) -> str:
    """Enough of an id to name the run: beginnings of ids are accepted everywhere."""
    return run_id[:SHORT_ID] if len(run_id) == 36 else run_id
