"""The picture of a run: what changes make of it is what a report says in the end."""

from __future__ import annotations

import copy
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import anyio
import click
import pytest
from rich.console import Console

from asyncflow.adapters.clock import SystemClock
from asyncflow.adapters.memory_store import MemoryStore
from asyncflow.cli.board import Board
from asyncflow.cli.progress import LiveTree, PlainLines, Silence
from asyncflow.cli.summary import summarize
from asyncflow.cli.tree import drawn, rows_of
from asyncflow.cli.watch import Patience, watch
from asyncflow.client import Client
from asyncflow.config import load_mapping
from asyncflow.dispatcher.dispatcher import Dispatcher, Surroundings
from asyncflow.errors import NoDispatcherError, UnknownRunError
from asyncflow.model.names import Json
from asyncflow.model.requests import Request
from asyncflow.predicates import BUILT_INS
from asyncflow.testing.broker import MemoryBroker
from asyncflow_celery.wire import CeleryCodec

FLOWS: dict[str, Any] = {
    "tasks": [
        {"name": name, "celery_task": f"t.{name}", "queue": "q", **more}
        for name, more in {
            "Shop": {},
            "Cook": {"max_retry": 2},
            "Order": {},
            "Burn": {},
            "Slice": {"args": ["node_args"]},
        }.items()
    ],
    "flow-definitions": [
        {
            "name": "party",
            "edges": [
                {"from": None, "to": ["Shop", "dinner", "dinner"]},
                {"from": "Shop", "to": []},
            ],
        },
        {
            "name": "dinner",
            "edges": [{"from": None, "to": ["Cook", "Burn"]}],
            "failures": [{"nodes": "Burn", "fallback": "Order"}],
        },
    ],
}


class Kitchen:
    """Cooking succeeds from the third attempt on; burning always fails, with words that would steer a terminal."""

    def __init__(self) -> None:
        self.cooked = 0

    def __call__(self, headers: Mapping[str, Any], body: list[Any]) -> Any:
        match headers["task"]:
            case "t.Cook":
                self.cooked += 1
                if self.cooked <= 2:
                    raise OSError("no gas")
            case "t.Burn":
                raise ValueError("burnt\n\x1b[31mto coal")
        return 1


@asynccontextmanager
async def party(slices: int = 2) -> AsyncIterator[Client]:
    flows = copy.deepcopy(FLOWS)
    flows["flow-definitions"][0]["edges"][1]["to"] = ["Slice"] * slices
    loaded = load_mapping(flows, builtins=BUILT_INS, environ={}).configuration
    dispatcher = Dispatcher(
        Surroundings(
            configuration=loaded,
            broker=MemoryBroker({"q": Kitchen()}),
            store=MemoryStore(),
            codec=CeleryCodec(),
            results=None,  # type: ignore[arg-type]  # no task here has a storage
            clock=SystemClock(),
            select=None,  # type: ignore[arg-type]  # no run here is selective
        )
    )
    async with anyio.create_task_group() as group:
        await group.start(dispatcher.run)
        yield Client(dispatcher)
        group.cancel_scope.cancel()


async def watched(progress: Any, slices: int = 2) -> Mapping[str, Json]:
    async with party(slices) as client:
        with progress, anyio.fail_after(10):
            return await watch(await client.start("party"), progress)


class Recorder(Silence):
    """Keeps what was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def moved(self, board: Board, changes: Any) -> None:
        for change in changes:
            self.told.append(f"{'/'.join((*change.branch.path, change.node.name))} {change.node.state}")


def picture(board: Board) -> list[str]:
    """A board as lines, without times."""
    return [f"{'  ' * row.depth}{row.state} {row.name} {row.detail.plain}" for row in rows_of(board, 0.0)]


async def test_changes_lead_to_what_the_report_says_in_the_end() -> None:
    async with party() as client:
        run = await client.start("party")
        async with run.changes() as answers:
            board: Board | None = None
            async for message in answers:
                if message.get("ended"):
                    break
                if board is None:
                    board = Board(message["run"])
                else:
                    board.tell(message)
        assert board is not None
        assert sorted(picture(board)) == sorted(picture(Board(message["run"])))


async def test_a_change_that_the_report_knows_already_changes_nothing() -> None:
    async with party() as client:
        run = await client.start("party")
        messages = []
        async with run.changes() as answers:
            async for message in answers:
                messages.append(message)
                if message.get("ended"):
                    break
    board = Board(messages[-1]["run"])
    before = picture(board)
    assert [change for message in messages[1:-1] for change in board.tell(message)] == []
    assert picture(board) == before


async def test_every_change_of_a_node_is_told_once_in_its_place() -> None:
    recorder = Recorder()
    await watched(recorder)
    assert recorder.told.count("dinner/Cook retrying") == 2
    assert recorder.told.count("dinner/Cook succeeded") == 2
    assert recorder.told.count("dinner/Order succeeded") == 2
    assert recorder.told.count("Slice succeeded") == 2


async def test_a_run_that_is_over_is_reported_at_once() -> None:
    async with party() as client:
        run = await client.start("party")
        await run.wait(timeout=5)
        with anyio.fail_after(5):
            assert (await watch(run, Silence()))["state"] == "succeeded"


async def test_an_unknown_run_cannot_be_watched() -> None:
    async with party() as client:
        with pytest.raises(ExceptionGroup) as caught:
            await watch(client.run("nothing"), Silence())
    assert caught.group_contains(UnknownRunError)


class Line:
    """Fulfils `ports.Line` as dispatchers do that come and go: each conversation brings its answers, then silence."""

    connected = True

    def __init__(self, *conversations: list[dict[str, Json]]) -> None:
        self._conversations = list(conversations)
        self.asked = 0

    @asynccontextmanager
    async def answers(self, request: Request) -> AsyncIterator[AsyncIterator[dict[str, Json]]]:
        self.asked += 1
        told = self._conversations.pop(0)

        async def speak() -> AsyncIterator[dict[str, Json]]:
            for answer in told:
                yield answer
            await anyio.sleep_forever()

        yield speak()


HASTE = Patience(first_answer=0.05, silence=0.05)


async def test_watching_is_taken_up_again_after_a_silence() -> None:
    line = Line([{"run": failed([])}], [], [{"run": failed([]), "ended": True}])
    with anyio.fail_after(5):
        report = await watch(Client(line).run("r"), Silence(), HASTE)
    assert report["state"] == "failed"
    assert line.asked == 3


async def test_a_dispatcher_that_never_answers_ends_the_watching() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await watch(Client(Line([])).run("r"), Silence(), HASTE)
    assert caught.group_contains(NoDispatcherError, match="run r goes on without being watched")


class NoLine:
    """Fulfils `ports.Line` where no dispatcher has ever made its queue."""

    connected = True

    @asynccontextmanager
    async def answers(self, request: Request) -> AsyncIterator[AsyncIterator[dict[str, Json]]]:
        await anyio.sleep_forever()
        raise AssertionError
        yield


async def test_watching_where_no_dispatcher_ever_served_does_not_say_that_the_run_goes_on() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await watch(Client(NoLine()).run("r"), Silence(), HASTE)
    assert caught.group_contains(NoDispatcherError, match="no queue of a dispatcher yet")


# --- As lines ---------------------------------------------------------------------------------------------------------


async def test_nodes_stand_under_their_sub_flow_with_what_went_wrong() -> None:
    report = await watched(Silence())
    lines = picture(Board(report))
    dinner = lines.index("succeeded dinner ")
    assert lines[dinner + 1 : dinner + 4] == [
        "  succeeded Cook attempt 2",
        "  failed Burn ValueError: burnt  [31mto coal  (handled by a fallback)",
        "  succeeded Order ",
    ]


async def test_a_wide_fan_out_is_one_line() -> None:
    report = await watched(Silence(), slices=500)
    [line] = [line for line in picture(Board(report)) if "Slice" in line]
    assert line == "succeeded Slice x500 ━━━━━━━━━━━━━━━━ 500 done"


@pytest.mark.parametrize("width", [30, 80, 200])
async def test_lines_fit_their_width_and_cannot_steer_the_terminal(width: int) -> None:
    report = await watched(Silence())
    for line in drawn(rows_of(Board(report), 0.0), width):
        assert line.cell_len <= width
        assert line.plain.isprintable()


def lines_at(width: int) -> list[str]:
    """A fan-out, a task that tells how far it is, one that has failed: as they stand on a terminal after 2 s."""
    many = [{**failed_node(str(number), "Slice"), "state": "succeeded", "error": None} for number in range(300)]
    report = failed([*many, failed_node("a"), failed_node("b", "Bake")])
    began = datetime.fromisoformat("2026-01-31T12:00:00+00:00").timestamp()
    for node in report["nodes"]:
        if int(node["id"]) % 2 if node["id"].isdigit() else node["name"] == "Bake":
            node |= {"state": "running", "ended_at": None, "error": None, "attempt": 1}
    board = Board(report)
    board.tell({"progress": [{"run_id": "r", "id": "b", "progress": {"done": 3, "total": 4, "text": "bubbling " * 9}}]})
    return [line.plain for line in drawn(rows_of(board, began + 2, depth=1), width)]


def test_a_terminal_of_80_columns_shows_bars_and_cuts_what_does_not_fit() -> None:
    assert lines_at(80) == [
        "  ● Slice x300 2.00 s  ━━━━━━━━──────── 150 done",
        "  ✗ Cook       0.00 s  attempt 3  OSError: no gas for a",
        "  ● Bake       2.00 s  ━━━━━━━━━━━━──── 3 of 4  bubbling bubbling bubbling bubb…",
    ]


def test_a_terminal_of_200_columns_shows_all_of_it() -> None:
    assert [line.partition("  bubbling")[0] for line in lines_at(200)] == [
        "  ● Slice x300 2.00 s  ━━━━━━━━──────── 150 done",
        "  ✗ Cook       0.00 s  attempt 3  OSError: no gas for a",
        "  ● Bake       2.00 s  ━━━━━━━━━━━━──── 3 of 4",
    ]
    assert lines_at(200)[2].count("bubbling") == 9


def test_where_an_attempt_is_stands_in_the_tree_and_where_it_was_in_the_summary() -> None:
    queued = {"due": "2026-01-31T12:00:00+00:00", "queue": "dough", "worker": None, "running_since": None}
    node = failed_node("b", "Bake") | queued
    report = failed([node | {"state": "running", "ended_at": None, "error": None, "attempt": 1}])
    board = Board(report)
    assert "queued" not in drawn(rows_of(board, 0.0), 80)[0].plain
    seen = {"run_id": "r", "id": "b", "worker": "celery@ada", "running_since": "2026-01-31T12:00:03+00:00"}
    assert board.tell({"changes": [], "seen": [seen]}) == []
    assert "queued 3.00 s" in drawn(rows_of(board, 0.0), 80)[0].plain
    out = io.StringIO()
    summarize(failed([node | {"worker": "celery@ada"}]), Console(file=out, width=200))
    assert "(worker celery@ada, queue dough)" in out.getvalue()


# --- Progress ---------------------------------------------------------------------------------------------------------


async def test_off_a_terminal_each_change_is_a_line() -> None:
    out = io.StringIO()
    await watched(PlainLines(Console(file=out, width=200)))
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert ["started", "dinner/Cook"] in lines
    assert ["handled", "dinner/Burn"] in lines
    retried = [line for line in lines if line[0] == "retrying"]
    assert [line[1] for line in retried] == ["dinner/Cook", "dinner/Cook"]
    assert "\x1b" not in out.getvalue()


async def test_off_a_terminal_a_wide_fan_out_is_counted() -> None:
    out = io.StringIO()
    await watched(PlainLines(Console(file=out, width=200)), slices=500)
    lines = out.getvalue().splitlines()
    assert "Slice x500: 500 done" in lines
    assert len([line for line in lines if "Slice" in line]) < 10


async def test_on_a_terminal_the_tree_is_left_on_the_screen() -> None:
    out = io.StringIO()
    await watched(LiveTree(Console(file=out, force_terminal=True, width=80, height=24)))
    last = out.getvalue().rsplit("\x1b[2K", 1)[-1]
    assert last.count("dinner") == 2
    assert "✓" in last
    assert "\x1b[?25h" in out.getvalue(), "the cursor comes back"


async def test_a_live_tree_leaves_standard_output_to_data(capsys: pytest.CaptureFixture[str]) -> None:
    live = LiveTree(Console(file=io.StringIO(), force_terminal=True, width=80, height=24))
    with live:
        live.moved(Board(failed([])), [])
        live.tick()
        click.echo("data")
    assert capsys.readouterr().out == "data\n"


async def test_a_live_tree_keeps_to_the_height_of_its_terminal() -> None:
    out = io.StringIO()
    live = LiveTree(Console(file=out, force_terminal=True, width=80, height=10))
    with live:
        live.moved(Board(failed([failed_node(str(number), f"Cook{number}") for number in range(30)])), [])
        live.tick()
        shown = out.getvalue()
    assert "… 23 lines above" in shown
    assert shown.count("Cook") == 7
    assert out.getvalue().rsplit("\x1b[2K", 1)[-1].count("Cook") == 30, "in the end all of it"


# --- Summary ----------------------------------------------------------------------------------------------------------


def failed(nodes: list[dict[str, Json]]) -> dict[str, Json]:
    error = {"type": "FlowError", "message": "it failed", "module": "", "traceback": ""}
    at = "2026-01-31T12:00:00.000+00:00"
    run = {"run_id": "r", "flow": "f", "state": "failed", "started_at": at, "ended_at": at, "attempt": 1}
    return {**run, "error": error, "nodes": [{**node, "started_at": at, "ended_at": at} for node in nodes]}


def failed_node(id: str, name: str = "Cook", *, handled: bool = False) -> dict[str, Json]:
    error = {"type": "OSError", "message": f"no gas for {id}", "module": "", "traceback": "line 1\nline 2"}
    node = {"id": id, "name": name, "kind": "task", "state": "failed", "attempt": 3}
    return {**node, "error": error, "handled": handled}


def summary(report: Mapping[str, Json], **options: bool) -> list[str]:
    out = io.StringIO()
    summarize(report, Console(file=out, width=80), next_command="asyncflow show r", **options)
    return out.getvalue().splitlines()


def test_the_summary_names_what_failed_why_and_what_to_type_next() -> None:
    assert summary(failed([failed_node("a"), failed_node("b"), failed_node("c", "Burn", handled=True)])) == [
        "✗ f failed in 0.00 s: 3 tasks failed  run r",
        "  Cook 2 times, first on attempt 3: OSError: no gas for a",
        "  handled by a fallback: Burn",
        "  next: asyncflow show r",
    ]


def test_the_summary_of_many_failures_is_short() -> None:
    lines = summary(failed([failed_node(str(number), f"Cook{number}") for number in range(50)]))
    assert len(lines) == 8
    assert "  and 45 other tasks failed" in lines


def test_the_summary_shows_tracebacks_when_asked_for() -> None:
    assert "    line 2" in summary(failed([failed_node("a")]), traceback=True)


def test_a_run_that_failed_without_a_task_says_why() -> None:
    assert "  FlowError: it failed" in summary(failed([]))
