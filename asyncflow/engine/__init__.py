"""The rules, pure: `decide` what follows from an event, `evolve` a run by a fact."""

from asyncflow.engine.decide import decide
from asyncflow.engine.evolve import evolve

__all__ = ["decide", "evolve"]
