"""Functions and classes that the configuration names: whether they can be imported, where that was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Importer: TypeAlias = Callable[[str], object]
"""Module name -> module, as importlib.import_module."""
