"""When messages go without callbacks: only where every worker that there is makes that safe."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
import pytest

from asyncflow.fleet import Answers, QueueState
from asyncflow_celery.channels import Channels, Wish
from asyncflow_celery.wire import CeleryCodec
from tests.celery_wire.bench import call

RPC = {"result_backend": "rpc:///"}
TASKS = [
    "t.plain [ignore_result=False run=<function plain at 0x7f>]",
    "t.bound [ignore_result=False run=<bound method bound of <@task: t.bound of t at 0x7f>>]",
    "t.silent [ignore_result=True run=<function silent at 0x7f>]",
    "asyncflow.FlowTask [ignore_result=False run=<bound method FlowTask.run of <@task: asyncflow.FlowTask>>]",
    "t.untold",
]
NEED_NONE = {"t.plain", "asyncflow.FlowTask"}
NAMES = {"t.plain", "t.bound", "t.silent", "asyncflow.FlowTask", "t.untold", "t.unknown"}


class Workers:
    """Answers as workers do."""

    def __init__(self, conf: dict[str, Any], tasks: dict[str, list[str]], consumers: int) -> None:
        queues = {worker: [{"name": "theirs" if worker == "others" else "celery"}] for worker in conf}
        queues.pop("late", None)  # which answers but once
        self._answers = {"conf": conf, "registered": tasks, "active_queues": queues}
        self._consumers = consumers
        self.orders: list[tuple[str, list[str]]] = []

    async def ask(self, method: str, arguments: object, *, expected: Any = (), seconds: float = 2.0) -> Answers:
        answers = self._answers[method]
        return Answers(by_worker=answers, complete=set(expected) <= answers.keys())

    async def order(self, method: str, workers: Collection[str]) -> None:
        self.orders.append((method, list(workers)))

    async def queue(self, name: str) -> QueueState:
        return QueueState(messages=0, consumers=self._consumers)


async def spared(conf: dict[str, Any], tasks: dict[str, list[str]], *present: str, consumers: int = 1) -> set[str]:
    channels = Channels(Wish.AUTO)
    await channels.explore(Workers(conf, tasks, consumers), present, ["q"])  # type: ignore[arg-type]
    return {name for name in NAMES if not channels.with_callbacks(name)}


async def test_only_tasks_of_which_rpc_tells_everything_go_without_callbacks() -> None:
    assert await spared({"w1": RPC}, {"w1": TASKS}, "w1") == NEED_NONE


@pytest.mark.parametrize(
    ("conf", "tasks", "consumers"),
    [
        ({}, {}, 0),
        ({"w1": {"result_backend": "redis://"}}, {"w1": TASKS}, 1),
        ({"w1": {}}, {"w1": TASKS}, 1),
        ({"w1": {"error": "KeyError"}}, {"w1": TASKS}, 1),
        ({"w1": RPC | {"result_serializer": "pickle"}}, {"w1": TASKS}, 1),
        ({"w1": RPC, "w2": {"result_backend": "disabled://"}}, {"w1": TASKS, "w2": TASKS}, 2),
        ({"w1": RPC}, {"w1": TASKS}, 2),
        ({"w2": RPC}, {"w2": TASKS}, 1),
        ({"w1": RPC}, {"w1": {"error": "TypeError"}}, 1),
    ],
    ids=[
        "nobody answers",
        "another backend",
        "no backend",
        "an error",
        "another serializer",
        "one of two",
        "a consumer that has not answered",
        "a worker that has not answered",
        "no list of tasks",
    ],
)
async def test_in_doubt_all_tasks_have_callbacks(conf: Any, tasks: Any, consumers: int) -> None:
    assert await spared(conf, tasks, "w1", consumers=consumers) == set()


async def test_a_task_that_one_worker_defines_otherwise_has_callbacks() -> None:
    other = ["t.plain [ignore_result=True run=<function plain at 0x7f>]"]
    assert await spared({"w1": RPC, "w2": RPC}, {"w1": TASKS, "w2": other}, consumers=2) == {"asyncflow.FlowTask"}


async def test_a_newcomer_brings_the_callbacks_back() -> None:
    channels = Channels(Wish.AUTO)
    assert not channels.doubt()
    await channels.explore(Workers({"w1": RPC}, {"w1": TASKS}, 1), ["w1"], ["q"])  # type: ignore[arg-type]
    assert channels.doubt()
    assert channels.with_callbacks("t.plain")


@pytest.mark.parametrize(
    ("wish", "replies", "callbacks"), [("rpc", True, False), ("callbacks", False, True), ("both", True, True)]
)
def test_a_message_asks_for_what_is_wished(wish: str, replies: bool, callbacks: bool) -> None:
    codec = CeleryCodec(Channels(Wish(wish)))
    message = codec.encode_task(call("t.plain"), reply_to="ours", exchange="flows", routing_key="0")
    assert (message.reply_to == "ours") is replies
    assert (orjson.loads(message.body)[2]["callbacks"] is not None) is callbacks


async def test_messages_change_with_what_is_found_out() -> None:
    channels = Channels(Wish.AUTO)
    codec = CeleryCodec(channels)

    def has_callbacks() -> bool:
        message = codec.encode_task(call("t.plain"), reply_to="ours", exchange="flows", routing_key="0")
        return orjson.loads(message.body)[2]["callbacks"] is not None

    assert has_callbacks()
    await channels.explore(Workers({"w1": RPC}, {"w1": TASKS}, 1), ["w1"], ["q"])  # type: ignore[arg-type]
    assert not has_callbacks()
    channels.doubt()
    assert has_callbacks()


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"asks_for_events": True}, ["db", "none", "redis"]),
        ({"asks_for_events": True, "reads_redis": True}, ["db", "none"]),
        ({"asks_for_events": False}, None),
    ],
)
@pytest.mark.parametrize("wish", [Wish.AUTO, Wish.BOTH])
async def test_only_workers_of_ours_that_tell_no_reasons_are_asked_for_events(
    options: dict[str, bool], asked: list[str] | None, wish: Wish
) -> None:
    redis = {"result_backend": "redis://host/0"}
    conf = {
        "none": {},
        "db": {"result_backend": "db+sqlite:///x"},
        "redis": redis,
        "rpc": RPC,
        "others": {},
        "late": {},
    }
    workers = Workers(conf, {}, consumers=9)
    channels = Channels(wish, **options)
    await channels.explore(workers, list(conf), ["celery"])  # type: ignore[arg-type]  # a fleet that is just enough
    assert workers.orders == ([] if asked is None else [("enable_events", asked)])
    assert channels.is_open is (asked is not None or wish is Wish.AUTO)
