"""Tasks that wait for a queue which no worker has made: watchers hear of it, and people are told what to start."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
from rich.console import Console

from asyncflow.adapters.clock import SystemClock
from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.cli.board import Board
from asyncflow.cli.progress import PlainLines, Silence
from asyncflow.cli.tree import rows_of
from asyncflow.cli.watch import watch
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher.dispatcher import Dispatcher, Surroundings
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker
from asyncflow_celery.wire import CeleryCodec

TASKS = [
    {"name": "BuyEggs", "celery_task": "t.BuyEggs", "queue": "shop"},
    {"name": "Mill", "celery_task": "t.Mill", "queue": "mill"},
]


def flows(times: int) -> dict[str, Any]:
    return {
        "tasks": TASKS,
        "flow-definitions": [
            {"name": "dinner", "edges": [{"from": None, "to": "shopping"}]},
            {"name": "shopping", "edges": [{"from": None, "to": ["BuyEggs"] * times}]},
            {"name": "baking", "edges": [{"from": None, "to": "Mill"}, {"from": "Mill", "to": "BuyEggs"}]},
        ],
    }


@asynccontextmanager
async def kitchen(times: int = 1) -> AsyncIterator[tuple[Client, MemoryBroker]]:
    """A dispatcher whose broker has no queue `shop` yet."""
    broker = MemoryBroker()
    dispatcher = Dispatcher(
        Surroundings(
            configuration=load_mapping(flows(times), builtins=BUILT_INS, environ={}).configuration,
            broker=broker,
            store=MemoryStore(),
            codec=CeleryCodec(),
            results=None,  # type: ignore[arg-type]  # no task here has a storage
            clock=SystemClock(),
            select=None,  # type: ignore[arg-type]  # no run here is selective
        )
    )
    async with anyio.create_task_group() as group:
        await group.start(dispatcher.run)
        with anyio.fail_after(10):
            yield Client(dispatcher), broker
        group.cancel_scope.cancel()


def open_shop(broker: MemoryBroker) -> None:
    broker.workers["shop"] = lambda headers, body: "bought"


class Shopper(Silence):
    """Opens the shop when it hears that somebody waits for it."""

    def __init__(self, broker: MemoryBroker, out: io.StringIO) -> None:
        self._broker = broker
        self._lines = PlainLines(Console(file=out, width=200))
        self.rows: list[str] = []

    def moved(self, board: Board, changes: Any) -> None:
        told = list(changes)
        self._lines.moved(board, told)
        if any(change.waits_for for change in told):
            self.rows = [f"{row.name} {row.detail.plain}" for row in rows_of(board, 0.0)]
            open_shop(self._broker)


async def watched_shopping(times: int) -> tuple[Mapping[str, Any], list[str], list[str]]:
    """The report, the lines that were written, and the rows of the picture while the task waited."""
    out = io.StringIO()
    async with kitchen(times) as (client, broker):
        shopper = Shopper(broker, out)
        report = await watch(await client.start("dinner"), shopper)
    return report, out.getvalue().splitlines(), shopper.rows


async def test_progress_says_once_which_queue_is_missing_and_what_to_start() -> None:
    report, lines, rows = await watched_shopping(times=2)
    assert report["state"] == "succeeded"
    said = "no queue `shop`; start a worker with -Q shop"
    assert [line for line in lines if line.startswith("waits")] == [f"waits      shopping/BuyEggs  {said}"]
    assert rows == ["shopping ", f"BuyEggs waits: {said}", f"BuyEggs waits: {said}"]


async def test_a_wide_fan_out_says_it_in_its_line() -> None:
    _, _, rows = await watched_shopping(times=30)
    assert rows[1].startswith("BuyEggs x30 ")
    assert rows[1].endswith("waits: no queue `shop`; start a worker with -Q shop")


async def test_changes_tell_who_waits_and_who_has_found_a_queue() -> None:
    async with kitchen() as (client, broker):
        run = await client.start("baking")
        told = []
        async with run.changes() as answers:
            async for message in answers:
                if "run" in message:
                    broker.workers["mill"] = lambda headers, body: "milled"  # now that we listen
                told += [one for one in message.get("waiting", ()) if one["queue"] == "shop"]
                if told:
                    open_shop(broker)
                if message.get("ended"):
                    break
        [before, after] = told
        assert (before["run_id"], before["task"]) == (run.id, "BuyEggs")
        assert before["since"].endswith("+00:00")
        assert after == {**before, "since": None}


async def test_a_report_says_for_which_queue_a_task_waits() -> None:
    async with kitchen() as (client, broker):
        run = await client.start("dinner")
        while (waits := (await run.status()).nodes[0]["nodes"][0]["waiting_for"]) is None:
            await anyio.sleep(0.005)
        assert waits == "shop"
        board = Board((await run.status()).report)
        assert [change.waits_for for change in board.all_nodes()] == ["", "", "shop"]
        open_shop(broker)
        bought = (await run.wait()).nodes[0]["nodes"][0]
        assert (bought["state"], bought["waiting_for"]) == ("succeeded", None)


async def test_a_task_that_moves_on_waits_no_more_on_the_board() -> None:
    async with kitchen() as (client, broker):
        run = await client.start("dinner")
        async with run.changes() as answers:
            board: Board | None = None
            async for message in answers:
                if board is None:
                    board = Board(message["run"])
                elif not message.get("ended"):
                    board.tell(message)
                if board.waiting:
                    open_shop(broker)
                if message.get("ended"):
                    break
        assert board is not None
        assert board.waiting == {}
        assert board.tell(message) == []
