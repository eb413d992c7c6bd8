"""The page in a real browser: headless Chromium, at two widths, in two themes. Its pictures stay in build/page."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from asyncflow.fleet import QueueState
from asyncflow.web.tokens import Scope
from tests.web.restaurant import MENU, SCRIPT, Restaurant, open_restaurant, tokens_in
from tests.web.test_runs import start
from tests.web.visits import CHROMIUM, Reader, browser, playwright, reader

__all__ = ["browser", "reader"]  # fixtures

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="apt-get install chromium-headless-shell")

WIDTHS = (1280, 400)


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_run_is_started_from_its_form_and_turns_green_live(
    reader: Reader, restaurant: Restaurant, width: int
) -> None:
    async with reader.visit(width) as here:
        await here.open("#/flows/dinner")
        await here.page.fill("#arg-guests", "4")
        await here.picture("flow")
        await here.page.keyboard.press("Enter")
        await here.expect("[data-node=Cook].state-running").to_be_visible()
        await here.expect("#live[data-state=live]").to_be_visible()
        await here.picture("running")
        restaurant.broker.serve()
        await here.expect("[data-node=Cook].state-succeeded").to_be_visible()
        await here.expect(".title .badge.succeeded").to_be_visible()
        await here.page.locator("[data-node=Cook]").focus()
        await here.page.keyboard.press("Enter")
        await here.expect(".detail pre").to_have_text("cooked")
        await here.picture("succeeded")
        await here.page.reload()
        await here.expect(".title .badge.succeeded").to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_failure_is_followed_from_the_list_to_its_exception(
    reader: Reader, restaurant: Restaurant, width: int
) -> None:
    restaurant.fleet.queues = {"slow": QueueState(messages=40, consumers=0)}
    for lease in ("seat 0", "partition 0"):
        await restaurant.store.acquire(lease, "somebody", 600)
    async with restaurant.asked() as asked:
        await _failed(asked)
        await start(asked)
    async with reader.visit(width) as here:
        await here.open("#/")
        await here.expect("tr:has-text('fire')").to_be_visible()
        await here.expect(".card-small:has-text('Queues')").to_contain_text("no worker has served it yet")
        await here.picture("runs")
        await here.page.click(".chip.failed")
        await here.expect("tbody tr").to_contain_text(SCRIPT)
        assert await here.page.locator("tbody tr").count() == 1
        assert "state=failed" in here.page.url
        await here.page.reload()
        await here.expect("tbody tr").to_contain_text(SCRIPT)
        await here.page.click("tbody td.id a")
        await here.expect("p.notice.failed").to_contain_text(SCRIPT)
        await here.expect(".causes").to_contain_text(SCRIPT)
        await here.page.click(".causes button")
        await here.expect("[data-node=Burn].chosen").to_be_visible()
        await here.expect(".detail .error").to_contain_text(f"ValueError: {SCRIPT}")
        await here.page.click(".detail .error summary")
        await here.expect(".detail .error pre").to_contain_text("Traceback")
        await here.page.click(".journal summary")
        await here.expect(".facts tr:has-text('run failed')").to_contain_text(SCRIPT)
        await here.picture("failed")
        await here.page.reload()
        await here.expect(".detail .error").to_contain_text(f"ValueError: {SCRIPT}")


async def test_a_run_is_paused_resumed_and_cancelled(reader: Reader, restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked)
    async with reader.visit() as here:
        await here.open(f"#/runs/{run_id}")
        for button, state in (("Pause", "paused"), ("Resume", "running"), ("Cancel", "cancelled")):
            await here.page.click(f"button:text-is('{button}')")
            await here.expect(f".title .badge.{state}").to_be_visible()
        await here.expect("button:text-is('Start again')").to_be_visible()


async def test_the_list_shows_new_runs_by_itself_and_is_searched(reader: Reader, restaurant: Restaurant) -> None:
    async with reader.visit() as here, restaurant.asked() as asked:
        await here.open("#/")
        await here.expect(".empty").to_contain_text("Nothing has run yet")
        await here.expect("[aria-label=Schedules]").to_have_count(0)
        await start(asked, labels={"who": "ada", "said": SCRIPT})
        await start(asked, "party")
        await here.expect("tr:has-text('party')").to_be_visible()
        await here.page.fill("#search", "ada")
        await here.expect("tr:has-text('party')").to_have_count(0)
        await here.expect("tr:has-text('who=ada')").to_contain_text(f"said={SCRIPT}")


async def test_what_the_server_refuses_is_told_in_the_form(reader: Reader) -> None:
    async with reader.visit() as here:
        await here.open("#/flows/dinner")
        await here.page.click("button:text-is('Start dinner')")
        await here.expect("#arg-guests[aria-invalid]").to_be_focused()
        await here.expect("#arg-guests-problem").to_have_text("This is needed.")
        await here.page.fill("#arg-guests", "0")
        await here.expect("#arg-guests-problem").to_have_text("At least 1.")
        await here.picture("wrong")
        await here.page.fill("#arg-guests", "2")
        await here.expect("#arg-guests-problem").to_be_hidden()
        await here.page.fill("#arg-guests", "13")  # only the server knows what is wrong with that
        await here.page.click("button:text-is('Start dinner')")
        await here.expect("#arg-guests-problem").to_contain_text("must NOT match")
        here.troubles[:] = [one for one in here.troubles if "422" not in one]  # browsers log every refusal


async def test_keys_lead_through_the_page(reader: Reader, restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        await _failed(asked)
        await start(asked)
    async with reader.visit() as here:
        press = here.page.keyboard.press
        await here.open("#/flows")
        await here.expect("h1:text-is('Flows')").to_be_visible()
        await press("g")
        await press("r")
        await here.expect("tr:has-text('fire')").to_be_visible()
        await press("/")
        await here.expect("#search").to_be_focused()
        await here.page.keyboard.type("jkg?")  # letters, while one types
        await here.expect(".empty").to_contain_text("No run fits")
        await press("Control+a")
        await press("Delete")
        await press("Escape")
        await here.expect("tr:has-text('fire')").to_be_visible()
        for key in ("j", "j", "k", "j"):
            await press(key)
        await here.expect("tr.selected").to_contain_text("fire")
        await press("Enter")
        await here.expect(".title .badge.failed").to_be_visible()
        await here.page.click("[data-node=Burn]")
        await here.expect(".detail h2:text-is('Burn')").to_be_visible()
        await press("Escape")
        await here.expect(".detail h2:text-is('Run')").to_be_visible()
        await press("?")
        await here.expect("dialog:has-text('Next and previous row')").to_be_visible()
        await here.picture("keys")
        await press("Escape")
        await here.expect("dialog").to_have_count(0)


async def test_the_theme_is_the_systems_until_the_reader_chooses(reader: Reader) -> None:
    async with reader.visit(theme="dark") as here:
        await here.open("#/")
        await here.expect("html[data-theme=dark]").to_be_visible()
        await here.page.emulate_media(color_scheme="light")
        await here.expect("html[data-theme=light]").to_be_visible()
        await here.page.click("#theme")
        await here.expect("html[data-theme=dark]").to_be_visible()
        await here.page.reload()
        await here.expect("html[data-theme=dark]").to_be_visible()


async def test_the_list_is_filtered_by_what_it_shows(reader: Reader, restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        await _failed(asked)
        await start(asked, labels={"who": "ada"})
    async with reader.visit() as here:
        await here.open("#/")
        await here.page.click("button.label:text-is('who=ada')")
        await here.expect("tbody tr:has-text('fire')").to_have_count(0)
        await here.page.reload()
        await here.expect(".given .chip").to_contain_text("who=ada")
        await here.expect("tbody tr:has-text('dinner')").to_be_visible()
        await here.page.click(".given .chip")
        await here.expect("tbody tr:has-text('fire')").to_be_visible()
        await here.page.click(".step:not(:disabled)")
        await here.expect(".given .chip:nth-child(2)").to_contain_text("before")
        await here.page.select_option("#flow", "banquet")
        await here.expect(".empty").to_contain_text("No run fits")
        await here.page.click(".empty button")
        await here.expect("tbody tr:has-text('fire')").to_be_visible()
        await here.expect(".card-small:has-text('Failing')").to_contain_text("1 of 1, 100%")


async def test_a_card_that_is_told_anew_keeps_the_focus(reader: Reader, restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        await _failed(asked)
        async with reader.visit() as here:
            await here.open("#/")
            await here.page.focus("[aria-label=Failing] a")
            await _failed(asked)
            await here.expect("[aria-label=Failing]").to_contain_text("2 of 2")
            await here.expect("[aria-label=Failing] a").to_be_focused()


async def test_a_flow_shows_how_its_nodes_have_done(reader: Reader, restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        for _ in range(3):
            await _failed(asked)
    async with reader.visit() as here:
        await here.open("#/flows/fire")
        await here.expect(".number:has-text('of the last 3 runs succeeded')").to_contain_text("0%")
        await here.expect("[data-node=Burn] .figure").to_contain_text("0%")
        await here.expect("tr:has(th:text-is('Burn'))").to_contain_text("0% of 3")
        await here.picture("flow-figures")


async def test_an_edge_that_did_not_fire_says_why(reader: Reader, restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked, "choice")
        await asked.get(f"/api/runs/{run_id}/wait")
    async with reader.visit() as here:
        await here.open(f"#/runs/{run_id}?node=Cook")
        await here.expect(".graph .line.fired").to_be_attached()
        await here.expect(".graph .line.unfired").to_be_attached()
        await here.expect(".whys li.unfired").to_contain_text("did not fire: argsFieldEqual")
        await here.expect(".whys h3").to_have_text("Why it has not run")
        await here.picture("verdicts")


async def test_a_failed_run_is_retried_after_saying_what_runs_again(reader: Reader, restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked, "barbecue")
        await asked.get(f"/api/runs/{run_id}/wait")
    async with reader.visit() as here:
        await here.open(f"#/runs/{run_id}")
        await here.page.click("button:text-is('Retry')")
        await here.expect("dialog div:has(h3:text-is('Runs again'))").to_contain_text("Burn")
        await here.expect("dialog div:has(h3:text-is('Is reused'))").to_contain_text("Shop")
        await here.picture("retry")
        await here.page.click("dialog button:text-is('Retry')")
        await here.expect("[data-node=Shop].state-reused").to_be_visible()
        await here.expect(".title .badge.failed").to_be_visible()
        assert run_id not in here.page.url
        await here.open(f"#/runs/{run_id}?node=Shop")
        await here.page.click("button:text-is('Retry from here')")
        await here.expect("dialog div:has(h3:text-is('Is reused'))").to_contain_text("nothing")
        await here.page.keyboard.press("Escape")


async def test_a_node_that_waits_is_sent_its_signal(reader: Reader, restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked, "tasting")
    async with reader.visit() as here:
        await here.open(f"#/runs/{run_id}")
        await here.page.click("[data-node=Taste]")
        await here.expect(".detail .notice").to_contain_text("It waits for the signal tasted")
        await here.page.click("button:text-is('Send tasted')")
        await here.expect("#arg-by-problem").to_have_text("This is needed.")
        await here.page.fill("#arg-by", "Ada")
        await here.picture("waiting")
        await here.page.click("button:text-is('Send tasted')")
        await here.expect(".title .badge.succeeded").to_be_visible()
        await here.expect(".detail pre").to_contain_text('"by": "Ada"')


@pytest.mark.parametrize("width", WIDTHS)
async def test_what_the_clock_starts_next_is_told_and_leads_to_its_runs(
    browser: playwright.Browser, width: int
) -> None:
    planned = [
        {"name": "every_year_and_rather_long_to_read", "flow": "banquet", "cron": "0 3 1 1 *"},
        {"name": "often", "flow": "fire", "every": "1s"},
        {"name": "never", "flow": "fire", "every": "1s", "enabled": False},
    ]
    async with open_restaurant({**MENU, "schedules": planned}) as opened:
        await opened.client.start("dinner", {"guests": 2})
        async with Reader(browser, opened).visit(width) as here:
            await here.open("#/")
            await here.expect("tr:has-text('schedule=often')").to_be_visible()
            card = "[aria-label=Schedules] li"
            await here.expect(f"{card}:nth-child(1)").to_contain_text(re.compile("often(now|within a minute), "))
            await here.expect(f"{card}:nth-child(1):has-text('seen to ')").to_be_visible()
            await here.expect(f"{card}:nth-child(2)").to_contain_text("banquet")
            await here.expect(f"{card}:nth-child(3)").to_contain_text("disabled")
            await here.picture("schedules")
            await here.expect("tr:has-text('dinner')").to_be_visible()
            await here.page.click(f"{card} a:text-is('often')")
            await here.expect(".given .chip").to_contain_text("schedule=often")
            await here.expect("tr:has-text('dinner')").to_have_count(0)
            await here.expect("tr:has-text('schedule=often')").to_be_visible()


async def test_what_the_clock_will_start_is_told_where_nothing_has_run(browser: playwright.Browser) -> None:
    planned = [{"name": "yearly", "flow": "banquet", "cron": "0 3 1 1 *"}]
    async with open_restaurant({**MENU, "schedules": planned}) as opened, Reader(browser, opened).visit() as here:
        await here.open("#/")
        await here.expect("[aria-label=Schedules]").to_contain_text("yearly")
        await here.expect(".empty").to_contain_text("Nothing has run yet")
        await here.picture("schedules-alone")


async def test_a_server_that_is_gone_is_seen(reader: Reader, restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked)
    async with reader.visit() as here:
        await here.open(f"#/runs/{run_id}")
        await here.expect("#live[data-state=live]").to_be_visible()
        await here.page.route("**/changes*", lambda route: route.abort())
        await here.page.evaluate("location.hash = '#/'")
        await here.expect("#live[data-state=stale]").to_contain_text("stale")
        here.troubles[:] = [one for one in here.troubles if "ERR_FAILED" not in one]


async def test_a_fan_out_is_one_row(reader: Reader, restaurant: Restaurant) -> None:
    async with restaurant.asked() as asked:
        run_id = await start(asked, "banquet")
        await asked.get(f"/api/runs/{run_id}/wait")
    async with reader.visit() as here:
        await here.open(f"#/runs/{run_id}")
        await here.expect(".timeline .row:has-text('300')").to_be_visible()
        assert await here.page.locator(".timeline .row").count() == 1
        await here.page.click(".timeline .name")
        await here.expect(".detail").to_contain_text("40 instances of 300")
        await here.picture("banquet")


STATIC = Path(__file__).parents[2] / "asyncflow" / "web" / "static"


def test_scripts_are_asked_for_before_one_imports_the_other() -> None:
    index = (STATIC / "index.html").read_text("utf-8")
    named = re.findall(r'<(?:link rel="modulepreload" href|script.* src)="/static/(\w+\.js)"', index)
    assert sorted(named) == sorted(file.name for file in STATIC.glob("*.js"))


def test_the_files_of_the_page_name_no_other_host() -> None:
    found = {
        (file.name, address)
        for file in STATIC.iterdir()
        for address in re.findall(r"\w+://[^\s\"'`]+", file.read_text("utf-8"))
    }
    assert found == {("icon.svg", "http://www.w3.org/2000/svg")}  # a name of XML, which nobody asks


async def test_a_token_is_asked_for_where_it_is_demanded(reader: Reader, tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path)
    _, token = tokens.create(Scope.READ)
    async with reader.visit(tokens=tokens) as here:
        await here.open("#/")
        await here.page.fill("dialog input", "wrong")
        await here.page.click("dialog button")
        await here.expect("dialog:has-text('not valid')").to_be_visible()
        await here.page.fill("dialog input", token)
        await here.page.click("dialog button")
        await here.expect(".empty").to_contain_text("Nothing has run yet")
        here.troubles[:] = [one for one in here.troubles if "401" not in one]


async def _failed(asked: httpx.AsyncClient) -> None:
    run_id = await start(asked, "fire")
    await asked.get(f"/api/runs/{run_id}/wait")
