"""Batches for the tests of stores, each as small as can be."""

from __future__ import annotations

from typing import Any

from asyncflow.model.facts import SourceMet
from asyncflow.model.run import Status
from asyncflow.ports import Advance, Attempt, Batch, Entry, Message, RunHeader, Verdict


def advance(run_id: str, version: int, **header: Any) -> Advance:
    members = {"flow": "dinner", "status": Status.RUNNING, "root_id": run_id, "started_at": 1.0, **header}
    return Advance(
        header=RunHeader(run_id=run_id, updated_at=float(version), **members),
        entry=Entry(version=version, at=float(version), facts=(SourceMet(edge=version),)),
    )


def attempt(task_id: str, run_id: str, **members: Any) -> Attempt:
    members = {"task": "BakePie", "message": Message(routing_key="ovens", body=b"[[], {}, {}]"), **members}
    return Attempt(id=task_id, run_id=run_id, **members)


def verdict(task_id: str, said: str = "succeeded", **members: Any) -> Verdict:
    return Verdict(id=task_id, at=9.0, verdict=said, **members)


def step(run_id: str, version: int, **members: Any) -> Batch:
    """A batch that moves one run; the members are the batch's others."""
    return Batch(advances=(advance(run_id, version),), **members)
