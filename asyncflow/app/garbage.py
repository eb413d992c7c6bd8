"""How often Python looks for garbage in a process that does nothing but dispatch."""

from __future__ import annotations

import gc

_YOUNG = 50_000
"""New objects between two looks: some hundred steps' worth, instead of two, which is Python's default."""


def collect_less_often() -> None:
    """A step makes hundreds of small objects, nearly all of which die with it, by their reference counts.

    With the defaults, a fifth of the dispatcher's time went into looking at the rest of them again and again. What is
    there by now, the modules and the configuration, is never looked at any more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)
