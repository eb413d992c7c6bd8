"""Many seeds on all processors; the environment says how many, or which one is to be played again.

ASYNCFLOW_FAULTS=long takes the numbers of the long forms. ASYNCFLOW_MINUTES=n ends each of them after so many minutes
with what it has done by then, and ASYNCFLOW_FIRST=n begins at the n-th case, to go on where an earlier run has ended.
ASYNCFLOW_SEED=n plays one seed again.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import TypeVar

import pytest

_Case = TypeVar("_Case")
_Found = TypeVar("_Found")

LONG = os.environ.get("ASYNCFLOW_FAULTS") == "long"
"""Whether to take the numbers of the long form."""
SEED = os.environ.get("ASYNCFLOW_SEED")
"""The only seed to play."""
FIRST = int(os.environ.get("ASYNCFLOW_FIRST", "0"))
"""The case that a long form begins with."""
MINUTES = float(os.environ.get("ASYNCFLOW_MINUTES", "inf"))
"""How long each test may begin new cases."""
PROCESSES = int(os.environ.get("ASYNCFLOW_PROCESSES", os.cpu_count() or 1))

_BEGUN = time.monotonic()
_AT_ONCE = 2000
"""Cases that are given to the processes before the clock is looked at again."""


def sized(short: int, long: int) -> int:
    return long if LONG else short


def tell(capsys: pytest.CaptureFixture[str], figure: str) -> None:
    """Say a figure, also where the test passes."""
    with capsys.disabled():
        sys.stdout.write(f"\n{figure}\n")


def skip_when_late() -> None:
    """For tests that are cases themselves: their time is counted from the start of all."""
    if time.monotonic() - _BEGUN > MINUTES * 60:
        pytest.skip(f"the {MINUTES:g} minutes are over")


def in_time(cases: Iterable[_Case]) -> Iterator[_Case]:
    """The cases, while there is time to begin another."""
    begun = time.monotonic()
    for case in cases:
        yield case
        if time.monotonic() - begun > MINUTES * 60:
            return


def on_all_processors(play: Callable[[_Case], _Found], cases: Sequence[_Case], chunk: int = 20) -> list[_Found]:
    """The outcomes, in the order of the cases; from the first that is wanted, as far as there is time."""
    found: list[_Found] = []
    for first in in_time(range(FIRST, len(cases), _AT_ONCE)):
        found += _pool().map(play, cases[first : first + _AT_ONCE], chunksize=chunk)
        if LONG:
            print(f"{FIRST + len(found)} of {len(cases)}", file=sys.__stderr__, flush=True)
    return found


@cache
def _pool() -> ProcessPoolExecutor:
    """Of all tests: its processes import everything but once."""
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads of earlier tests' servers
    return ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_prepare)


def _prepare() -> None:
    """What the dispatcher says of faults that are played is of no interest, and takes time; so does looking for rubbish."""
    logging.disable(logging.CRITICAL)
    gc.set_threshold(50_000, 20, 50)
