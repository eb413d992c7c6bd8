"""An open page with 10,000 runs, and a run with 10,000 nodes: first painted nearly as soon as pages with nothing in them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import pytest

from asyncflow.model import facts as f
from asyncflow.model.run import NodeKind, Status, TaskError
from asyncflow.ports import Advance, Batch, Entry, RunHeader
from tests.web.restaurant import Restaurant
from tests.web.visits import CHROMIUM, Reader, Visit, browser, reader

__all__ = ["browser", "reader"]  # fixtures

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="apt-get install chromium-headless-shell")

MANY = 10_000
TIMES = 3
LONGEST = 4.0
"""Times that of a page with nothing in it. A page that holds 10,000 of anything takes far longer."""

_WATCH = """
window.painted = new Promise((resolve) => {
  const look = () => {
    if (!document.querySelector(%s)) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
  };
  const observer = new MutationObserver(look);
  observer.observe(document, { childList: true, subtree: true });
});
"""


@dataclass(frozen=True)
class Stopwatch:
    here: Visit

    async def painted(self, path: str, selector: str) -> float:
        """Milliseconds from the navigation until it is there and painted; the best of some."""
        taken = []
        for _ in range(TIMES):
            page = await self.here.page.context.browser.new_page()
            await page.add_init_script(_WATCH % json.dumps(selector))
            await page.goto(f"{self.here.url}{path}")
            taken.append(await page.evaluate("window.painted"))
            await page.close()
        return min(taken)


async def test_ten_thousand_runs_are_painted_as_soon_as_none(reader: Reader, restaurant: Restaurant) -> None:
    async with reader.visit() as here:
        empty = await Stopwatch(here).painted("#/", ".welcome")
    now = time.time()
    for begin in range(0, MANY, 1000):
        runs = tuple(_over(f"run-{number}", now - number / 5) for number in range(begin, begin + 1000))
        await restaurant.store.commit(Batch(advances=runs))
    async with reader.visit() as here:
        full = await Stopwatch(here).painted("#/", "tbody tr:nth-child(100)")
        await here.open("#/?period=3600")
        await here.expect(".key.failed").to_contain_text("1,000 failed")
        assert await here.page.locator("tbody tr").count() == 100
        await here.page.click(".older")
        await here.expect("tr[data-run='run-150']").to_be_visible()
        await here.picture("many-runs")
    print(f"\n{MANY:,} runs: first painted after {full:.0f} ms; none: {empty:.0f} ms; {full / empty:.1f} times")  # noqa: T201  (what the test is for)
    assert full < LONGEST * empty


async def test_ten_thousand_nodes_are_painted_as_soon_as_one(reader: Reader, restaurant: Restaurant) -> None:
    await restaurant.store.commit(Batch(advances=(_banquet("small", 1),)))
    await restaurant.store.commit(Batch(advances=(_banquet("large", MANY),)))
    async with reader.visit() as here, restaurant.asked() as asked:
        one = await Stopwatch(here).painted("#/runs/small", ".timeline .row")
        many = await Stopwatch(here).painted("#/runs/large", ".timeline .row")
        wire = len((await asked.get("/api/runs/large?most=40")).content)
        await here.open("#/runs/large?node=Shop")
        await here.expect(".timeline .row").to_contain_text("10,000")
        await here.expect(".detail .badge.failed").to_contain_text("100 failed")
        await here.picture("many-nodes")
    print(  # noqa: T201  (what the test is for)
        f"\n{MANY:,} nodes: first painted after {many:.0f} ms; one: {one:.0f} ms; {many / one:.1f} times; {wire:,} bytes"
    )
    assert many < LONGEST * one
    assert wire < 60_000


def _over(run_id: str, started_at: float) -> Advance:
    failed = int(run_id.partition("-")[2]) % 10 == 0
    header = RunHeader(
        run_id=run_id,
        flow="fire" if failed else "dinner",
        status=Status.FAILED if failed else Status.SUCCEEDED,
        root_id=run_id,
        started_at=started_at,
        ended_at=started_at + 2,
        updated_at=started_at + 2,
        labels={"number": run_id},
        error=TaskError(type="FlowError", message="Burn failed") if failed else None,
    )
    started = f.RunStarted(run_id=run_id, flow=header.flow, version="1", root_id=run_id)
    return Advance(header=header, entry=Entry(version=1, at=started_at, facts=(started, f.RunSucceeded())))


def _banquet(run_id: str, count: int) -> Advance:
    now = time.time()
    header = RunHeader(
        run_id=run_id, flow="banquet", status=Status.RUNNING, root_id=run_id, started_at=now, updated_at=now
    )
    started: list[f.Fact] = [
        f.RunStarted(run_id=run_id, flow="banquet", version="1", root_id=run_id),
        f.EdgeFired(edge=0, items=count),
    ]
    ended: list[f.Fact] = []
    for number in range(count):
        id = f"{run_id}-{number}"
        started.append(f.NodeStarted(id=id, name="Shop", number=number + 1, kind=NodeKind.TASK, edge=0))
        if number % 100 == 1:
            ended.append(f.NodeFailed(id=id, error=TaskError(type="KeyError", message=f"item {number}")))
        elif number % 2:
            ended.append(f.NodeSucceeded(id=id))
    return Advance(header=header, entry=Entry(version=1, at=now, facts=(*started, *ended)))
