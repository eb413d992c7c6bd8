"""Predicates that look at nothing."""

from __future__ import annotations


def alwaysTrue() -> bool:
    """True."""
    return True


def alwaysFalse() -> bool:
    """False."""
    return False


PREDICATES = (alwaysTrue, alwaysFalse)
