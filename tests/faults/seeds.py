"""Many seeds on all processors; the environment says how many, or which one is to be played again."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

import pytest

_Case = TypeVar("_Case")
_Found = TypeVar("_Found")

LONG = os.environ.get("ASYNCFLOW_FAULTS") == "long"
"""Whether to take the numbers of the long form."""
SEED = os.environ.get("ASYNCFLOW_SEED")
"""The only seed to play."""


def sized(short: int, long: int) -> int:
    return long if LONG else short


def tell(capsys: pytest.CaptureFixture[str], figure: str) -> None:
    """Say a figure, also where the test passes."""
    with capsys.disabled():
        sys.stdout.write(f"\n{figure}\n")


def on_all_processors(play: Callable[[_Case], _Found], cases: Iterable[_Case], chunk: int = 20) -> list[_Found]:
    """The outcomes, in the order of the cases."""
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads of earlier tests' servers
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context, initializer=_hush) as pool:
        return list(pool.map(play, cases, chunksize=chunk))


def _hush() -> None:
    """What the dispatcher says of faults that are played is of no interest, and takes time."""
    logging.disable(logging.CRITICAL)
