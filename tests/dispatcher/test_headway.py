"""How far tasks say they are, and where they are: told to who asks and who watches, and paid for with no commit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import orjson
import pytest

from asyncflow.adapters.clock import SystemClock
from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.client import Client, RunHandle
from asyncflow.config import load_mapping
from asyncflow.dispatcher.dispatcher import Dispatcher, Surroundings
from asyncflow.dispatcher.headway import Headway
from asyncflow.dispatcher.place import Place
from asyncflow.model.names import RunId, TaskId
from asyncflow.model.run import Whereabouts
from asyncflow.ports import Batch, Delivery, Message, Published
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker, worked
from asyncflow_celery.wire import CeleryCodec

FLOWS = {
    "tasks": [{"name": "Bake", "celery_task": "t.bake", "queue": "q", "max_retry": 1}],
    "flow-definitions": [
        {"name": "baking", "edges": [{"from": None, "to": "Bake"}]},
        {"name": "party", "edges": [{"from": None, "to": "baking"}]},
    ],
}


@dataclass(slots=True)
class Oven(MemoryBroker):
    """Holds its task, of which the test reports."""

    held: list[Message] = field(default_factory=list)

    def _take(self, message: Message) -> Published:
        self.held.append(message)
        return Published.CONFIRMED

    def say(self, state: str = "PROGRESS", **meta: Any) -> None:
        id = str(self.held[-1].headers["id"])
        body = orjson.dumps({"task_id": id, "status": state, "result": meta, "traceback": None, "children": []})
        self.deliver(
            Delivery(body=body, content_type="application/json", content_encoding="utf-8", correlation_id=id, tag=id)
        )

    def bake(self, *, burn: bool = False) -> None:
        def worker(headers: Any, body: Any) -> Any:
            if burn:
                raise ValueError("burnt")
            return "pie"

        self.deliver(worked(worker, self.held.pop()))


class CountingStore(MemoryStore):
    commits = 0

    async def commit(self, batch: Batch) -> None:
        self.commits += 1
        await super().commit(batch)


@dataclass(frozen=True, kw_only=True)
class Kitchen:
    oven: Oven
    store: CountingStore
    client: Client

    async def begin(self, flow: str = "baking") -> RunHandle:
        run = await self.client.start(flow)
        with anyio.fail_after(5):
            while not self.oven.held:
                await anyio.sleep(0.005)
        return run


@asynccontextmanager
async def kitchen(place: Place | None = None) -> AsyncIterator[Kitchen]:
    configuration = load_mapping(FLOWS, builtins=BUILT_INS, environ={}).configuration
    oven, store = Oven(), CountingStore()
    dispatcher = Dispatcher(
        Surroundings(
            configuration=configuration,
            broker=oven,
            store=store,
            codec=CeleryCodec(),
            results=None,  # type: ignore[arg-type]  # no task here has a storage
            clock=SystemClock(),
            select=None,  # type: ignore[arg-type]  # no run here is selective
            place=place or Place(),
        )
    )
    async with anyio.create_task_group() as group:
        await group.start(dispatcher.run)
        with anyio.fail_after(10):
            yield Kitchen(oven=oven, store=store, client=Client(dispatcher))
        group.cancel_scope.cancel()


async def progress_of(run: RunHandle) -> Any:
    """Of the first task, which may be in a sub-flow."""
    [node] = (await run.status()).nodes
    [node] = node.get("nodes", [node])
    return node["progress"]


async def until_told(run: RunHandle) -> Any:
    while (progress := await progress_of(run)) is None:
        await anyio.sleep(0.005)
    return progress


@pytest.mark.parametrize("flow", ["baking", "party"])
async def test_a_report_says_how_far_a_task_is_until_it_ends(flow: str) -> None:
    async with kitchen() as at:
        run = await at.begin(flow)
        assert await progress_of(run) is None
        at.oven.say(done=3, total=8, text="beating eggs")
        assert await until_told(run) == {"done": 3, "total": 8, "text": "beating eggs"}
        at.oven.bake()
        await run.wait()
        assert await progress_of(run) is None


@pytest.mark.parametrize(
    ("state", "meta", "told"),
    [
        ("PROGRESS", {"current": 3, "total": 8, "status": "Mixing..."}, (3, 8, "Mixing...")),
        ("PROGRESS", {"done": 0.5}, (0.5, None, "")),
        ("UPLOADING", {"bytes": 5}, (None, None, "UPLOADING")),
        ("PROGRESS", {"done": True, "total": 1e300, "text": ["x"]}, (None, None, "")),
        ("PROGRESS", {"done": 1, "text": "x" * 9999}, (1, None, "x" * 500)),
    ],
    ids=["celery's words", "a share", "a state of its own", "nonsense", "a novel"],
)
async def test_what_tasks_say_in_other_words_is_understood(state: str, meta: Any, told: Any) -> None:
    async with kitchen() as at:
        run = await at.begin()
        at.oven.say(state, **meta)
        assert tuple((await until_told(run)).values()) == told


async def test_the_next_attempt_begins_anew() -> None:
    async with kitchen() as at:
        run = await at.begin()
        at.oven.say(done=7, total=8)
        await until_told(run)
        at.oven.bake(burn=True)
        while not at.oven.held:
            await anyio.sleep(0.005)
        assert await progress_of(run) is None


@pytest.mark.parametrize("fenced", [False, True], ids=["alone", "one of several"])
async def test_reports_of_progress_are_acknowledged_without_a_commit(fenced: bool) -> None:
    async with kitchen(Place(epoch=0) if fenced else None) as at:
        run = await at.begin()
        before = at.store.commits
        for number in range(1, 1001):
            at.oven.say(done=number, total=1000)
        while await progress_of(run) != {"done": 1000, "total": 1000, "text": ""}:
            await anyio.sleep(0.005)
        assert len(at.oven.acked) == 1000
        assert at.store.commits == before


async def test_who_watches_is_told_the_newest_word_now_and_then() -> None:
    async with kitchen() as at:
        run = await at.begin("party")
        told: list[Any] = []
        async with run.changes() as answers:
            async for message in answers:
                if "run" in message:
                    for number in range(1, 501):
                        at.oven.say(done=number, total=500)
                told += message.get("progress", ())
                if told and told[-1]["progress"]["done"] == 500:
                    break
        id = at.oven.held[0].headers["id"]
        child = (await run.status()).nodes[0]["id"]
        assert told[-1] == {
            "run_id": child,
            "id": id,
            "task": "Bake",
            "progress": {"done": 500, "total": 500, "text": ""},
        }
        assert len(told) <= 3


async def test_a_report_of_an_attempt_that_is_over_is_late() -> None:
    async with kitchen() as at:
        run = await at.begin()
        held = list(at.oven.held)
        at.oven.bake()
        await run.wait()
        at.oven.held = held
        at.oven.say(done=1, total=8)
        while len(at.oven.acked) < 2:
            await anyio.sleep(0.005)
        assert await progress_of(run) is None


# --- Where attempts are -----------------------------------------------------------------------------------------------


async def until_seen(run: RunHandle) -> Any:
    while (node := (await run.status()).nodes[0])["worker"] is None:
        await anyio.sleep(0.005)
    return node


async def test_who_runs_an_attempt_since_when_is_told_at_once_and_written_with_its_end() -> None:
    async with kitchen() as at:
        run = await at.begin()
        [node] = (await run.status()).nodes
        assert (node["queue"], node["worker"], node["running_since"]) == ("q", None, None)
        before = at.store.commits
        at.oven.say("STARTED", hostname="celery@ada", pid=1)
        seen = await until_seen(run)
        assert seen["worker"] == "celery@ada"
        assert node["started_at"] <= seen["running_since"]
        assert at.store.commits == before
        at.oven.bake()
        [ended] = (await run.wait()).nodes
        assert (ended["worker"], ended["running_since"]) == ("celery@ada", seen["running_since"])


async def test_each_attempt_has_a_worker_of_its_own() -> None:
    async with kitchen() as at:
        run = await at.begin()
        at.oven.say("STARTED", hostname="celery@ada")
        await until_seen(run)
        at.oven.bake(burn=True)
        while not at.oven.held:
            await anyio.sleep(0.005)
        [again] = (await run.status()).nodes
        assert (again["worker"], again["running_since"], again["queue"]) == (None, None, "q")
        assert again["tries"][0]["worker"] == "celery@ada"
        assert again["tries"][0]["running_since"] is not None
        at.oven.bake()
        [ended] = (await run.wait()).nodes
        assert (ended["worker"], ended["running_since"]) == (None, None)


async def test_what_goes_back_to_its_queue_is_nowhere_until_it_starts_again() -> None:
    async with kitchen() as at:
        run = await at.begin()
        at.oven.say("STARTED", hostname="celery@ada")
        await until_seen(run)
        at.oven.say("RETRY", exc_type="Retry", exc_message=["later"], exc_module="celery.exceptions")
        while (await run.status()).nodes[0]["worker"] is not None:
            await anyio.sleep(0.005)


async def test_who_watches_is_told_which_worker_has_an_attempt() -> None:
    async with kitchen() as at:
        run = await at.begin("party")
        async with run.changes() as answers:
            async for message in answers:
                if "run" in message:
                    at.oven.say("STARTED", hostname="celery@ada")
                if "seen" in message:
                    break
        child = (await run.status()).nodes[0]
        [seen] = message["seen"]
        assert (seen["run_id"], seen["id"], seen["worker"]) == (child["id"], child["nodes"][0]["id"], "celery@ada")
        assert message["changes"] == []


def test_the_start_on_another_worker_says_nothing_of_the_one_that_ended_it() -> None:
    headway = Headway(clock=SystemClock(), tell=lambda _: None, tell_seen=lambda _: None)
    assert headway.where(TaskId("a")) is None
    assert headway.where(TaskId("a"), "celery@ada") == Whereabouts(worker="celery@ada")
    headway.saw(TaskId("a"), RunId("r"), "celery@ada")
    headway.saw(TaskId("a"), RunId("r"), "celery@ada", 5.0)
    headway.saw(TaskId("a"), RunId("r"), "celery@ada", 6.0)
    assert headway.where(TaskId("a")) == Whereabouts(worker="celery@ada", since=5.0)
    assert headway.where(TaskId("a"), "celery@bob") == Whereabouts(worker="celery@bob")
    headway.saw(TaskId("a"), RunId("r"), "celery@bob")
    assert headway.where(TaskId("a")) == Whereabouts(worker="celery@bob")
    headway.forget(TaskId("a"))
    assert headway.where(TaskId("a")) is None
