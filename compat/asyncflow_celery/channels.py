"""Over which channels workers report an attempt: rpc replies, callbacks, or both while nothing better is known.

A success that is reported over both costs two messages. Replies alone are enough where every worker's result backend
is rpc://, save for two kinds of task: those that ignore their result, of which rpc says nothing, and those that
may replace themselves, for which nobody would reply. Only a bound task can do that, so the others go without
callbacks. Whenever a worker comes of which nothing is known, all tasks have callbacks again.

A callback tells that a task has failed, and not why. So workers whose result backend brings no reasons are asked,
through Celery's remote control, to send events, of which those of failures tell it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping
from enum import Enum

from asyncflow.fleet import Workers
from asyncflow.model.names import Json
from asyncflow.model.phrases import counted

_log = logging.getLogger("asyncflow.channels")

_NEVER_REPLACED = frozenset({"asyncflow.FlowTask", "selinon.SelinonTaskEnvelope"})
"""Bound, but known."""
_REGISTERED = re.compile(r"(?P<name>\S+) \[(?P<told>.*)\]", re.DOTALL)
_ASKED = ["ignore_result", "run"]


class Wish(Enum):
    """The setting `completion`."""

    AUTO = "auto"
    RPC = "rpc"
    CALLBACKS = "callbacks"
    BOTH = "both"


class Channels:
    """What the codec embeds in a message. Mutable: what is found out about the workers changes it."""

    def __init__(self, wish: Wish = Wish.BOTH, *, asks_for_events: bool = False, reads_redis: bool = False) -> None:
        """`asks_for_events` where no result backend brings the reasons of failures."""
        self._wish = wish
        self._asks_for_events = asks_for_events
        self._reads_redis = reads_redis
        self._spared: frozenset[str] = frozenset()

    @property
    def with_replies(self) -> bool:
        return self._wish is not Wish.CALLBACKS

    def with_callbacks(self, task: str) -> bool:
        return self._wish is not Wish.RPC and task not in self._spared

    @property
    def is_open(self) -> bool:
        """Whether there is anything to find out."""
        return self._wish is Wish.AUTO or self._asks_for_events

    def doubt(self) -> bool:
        """Be on the safe side from now on; True if messages have gone without callbacks until now."""
        had, self._spared = bool(self._spared), frozenset()
        return had

    async def explore(self, workers: Workers, present: Collection[str], queues: Iterable[str]) -> None:
        """Ask the workers what they have, and go without callbacks where all of them allow it. Raises BrokerError."""
        queues = set(queues)
        conf = await workers.ask("conf", {}, expected=present)
        if self._asks_for_events:
            await self._ask_for_events(workers, conf.by_worker, queues)
        if self._wish is not Wish.AUTO:
            return
        told = await workers.ask("registered", {"taskinfoitems": _ASKED}, expected=present)
        states = [await workers.queue(queue) for queue in queues]
        consumers = max((state.consumers for state in states if state is not None), default=0)
        heard = conf.by_worker.keys() & told.by_worker.keys()
        if not heard or not (conf.complete and told.complete) or consumers > len(heard):
            return
        if all(is_rpc(one) for one in conf.by_worker.values()):
            self._spared = _sparable(told.by_worker.values())
            answer, spared = counted(len(heard), "worker"), counted(len(self._spared), "task")
            _log.info("all reply over rpc (%s): callbacks are spared for %s", answer, spared)

    async def _ask_for_events(self, workers: Workers, confs: Mapping[str, Json], queues: Collection[str]) -> None:
        """Of those that serve our queues; others' workers are left alone."""
        silent = {worker for worker, conf in confs.items() if not self._brings_reasons(conf)}
        if not silent:
            return
        served = await workers.ask("active_queues", {}, expected=confs.keys())
        ours = sorted(worker for worker in silent if _serves(served.by_worker.get(worker), queues))
        if ours:
            await workers.order("enable_events", ours)
            _log.info("no result backend tells why tasks fail on %s: asked for its events", ", ".join(ours))

    def _brings_reasons(self, conf: Json) -> bool:
        backend = conf.get("result_backend") if isinstance(conf, Mapping) else None
        return is_rpc(conf) or (self._reads_redis and isinstance(backend, str) and backend.startswith("redis"))


def _serves(told: Json, queues: Collection[str]) -> bool:
    """Whether a worker has told that it serves one of them; None: it has not answered in time."""
    return isinstance(told, list) and any(isinstance(one, Mapping) and one.get("name") in queues for one in told)


def is_rpc(conf: Json) -> bool:
    """Whether a worker with these settings replies in a way that we read."""
    if not isinstance(conf, Mapping):
        return False
    backend = conf.get("result_backend")
    return isinstance(backend, str) and backend.startswith("rpc") and conf.get("result_serializer", "json") == "json"


def _sparable(answers: Iterable[Json]) -> frozenset[str]:
    """The tasks that need no callback on any worker."""
    good: set[str] = set()
    bad: set[str] = set()
    for tasks in answers:
        for entry in tasks if isinstance(tasks, list) else ():
            found = _REGISTERED.fullmatch(str(entry))
            if found is not None:
                (good if _is_sparable(found["name"], found["told"]) else bad).add(found["name"])
    return frozenset(good - bad)


def _is_sparable(name: str, told: str) -> bool:
    return "ignore_result=False" in told and (name in _NEVER_REPLACED or "run=<function" in told)
