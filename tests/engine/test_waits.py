"""Waits, which signals release, and delays."""

from __future__ import annotations

from typing import Any

import pytest

from asyncflow.engine.waits import MOST_KEPT
from asyncflow.errors import InvalidPayloadError, SignalRefusedError
from asyncflow.model import events as e
from asyncflow.model import facts as f
from asyncflow.model import snapshot
from asyncflow.model.run import NodeKind
from asyncflow.testing import SimulatedRun, Simulation, Status
from tests.engine.decisions import RUN, Decided
from tests.engine.flows import edge, fallback, foreach, when

BY = {"type": "object", "required": ["by"], "properties": {"by": {"type": "string"}}}
DAY = 86400


def simulated(flows: dict[str, Any], **nodes: Any) -> Simulation:
    """`nodes` are waits, by their event or their table, and delays, by their durations; others are plain tasks."""
    names = {
        name
        for flow in flows.values()
        for each in flow["edges"]
        for name in (*each["from"], *each["to"], *_fallbacks(flow))
        if name not in flows
    }
    tasks = [{"name": name, **nodes.get(name, {"celery_task": f"app.{name}"})} for name in sorted(names)]
    definitions = [{"name": name, **flow} for name, flow in flows.items()]
    items = {"user.items": lambda pool, node_args: range(3)}
    return Simulation({"tasks": tasks, "flow-definitions": definitions}, functions=items)


def _fallbacks(flow: dict[str, Any]) -> list[str]:
    return [name for each in flow.get("failures", []) for name in each["fallback"]]


def wait(event: str = "go", **keys: Any) -> dict[str, Any]:
    return {"wait": {"event": event, **keys}}


def flow(*arrows: str | dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"edges": [edge(one) if isinstance(one, str) else one for one in arrows], **keys}


def names(run: SimulatedRun) -> list[str]:
    return [str(node.name) for node in run.pending]


def approval(*more: str | dict[str, Any], **keys: Any) -> tuple[Simulation, SimulatedRun]:
    nodes = {"W": wait(timeout="1d", schema=BY), "D": {"delay": "10m"}}
    sim = simulated({"main": flow("-> W", *(more or ("W -> A",)), **keys)}, **nodes)
    return sim, sim.start("main", {"x": 1})


def test_a_signal_releases_the_node_and_its_payload_is_the_result() -> None:
    follow = edge("W -> A", condition=when("fieldEqual", key="by", value="Ada"))
    sim, run = approval(follow, edge("W -> B", node_args={"who": "results.W.by"}))
    assert [(node.kind, node.event, node.until) for node in run.pending] == [(NodeKind.WAIT, "go", DAY)]
    sim.signal(run, "go", {"by": "Ada"})
    assert names(run) == ["A", "B"]
    assert run.pending[1].node_args == {"who": "Ada"}
    assert set(run.pending[0].parent or {}) == {"W"}


def test_a_timeout_is_a_failure_that_a_fallback_can_catch() -> None:
    sim, run = approval(failures=[fallback("W", "Escalate")])
    sim.advance(DAY - 1)
    assert names(run) == ["W"]
    sim.advance(1)
    assert names(run) == ["Escalate"]
    [failed] = [fact for fact in run.facts if isinstance(fact, f.NodeFailed)]
    assert (failed.error.type, failed.error.message) == ("WaitTimeout", "no signal 'go' came within 1d")
    sim.succeed("Escalate")
    with pytest.raises(SignalRefusedError, match="is over"):
        sim.signal(run, "go", {"by": "Ada"})


def test_a_signal_in_time_lets_the_timeout_pass_by() -> None:
    sim, run = approval(failures=[fallback("W", "Escalate")])
    sim.signal(run, "go", {"by": "Ada"})
    sim.advance(2 * DAY)
    assert names(run) == ["A"]


def test_a_payload_that_does_not_fit_is_refused_and_the_node_waits_on() -> None:
    sim, run = approval()
    before = run.journal
    with pytest.raises(InvalidPayloadError, match=r"the payload of 'go' does not fit: payload must contain \['by'\]"):
        sim.signal(run, "go", {"from": "Ada"})
    assert run.journal == before
    sim.signal(run, "go", {"by": "Ada"})
    assert names(run) == ["A"]


def test_a_signal_that_nothing_waits_for_ever_is_refused() -> None:
    sim, run = approval()
    with pytest.raises(SignalRefusedError, match="flow 'main' never waits for a signal 'gone'; it waits for go"):
        sim.signal(run, "gone")


def test_a_signal_that_comes_early_is_kept_and_taken_when_the_node_starts() -> None:
    sim = simulated({"main": flow("-> A", "A -> W", "W -> B")}, W=wait(schema=BY))
    run = sim.start("main")
    with pytest.raises(InvalidPayloadError):
        sim.signal(run, "go", {})
    sim.signal(run, "go", {"by": "Ada"})
    assert [kept.payload for kept in run.view.signals] == [{"by": "Ada"}]
    sim.succeed("A")
    assert names(run) == ["B"]
    assert run.view.signals == ()


def test_a_signal_delivered_twice_releases_one_node() -> None:
    sim = simulated({"main": flow("-> W W", "W -> A")}, W=wait())
    run = sim.start("main")
    sim.signal(run, "go", key="k")
    sim.signal(run, "go", key="k")
    assert names(run) == ["W", "A"]
    sim.signal(run, "go", key="l")
    assert names(run) == ["A", "A"]


def test_a_kept_signal_delivered_again_after_it_was_taken_changes_nothing() -> None:
    sim = simulated({"main": flow("-> A", "A -> W W", "W -> B")}, W=wait())
    run = sim.start("main")
    sim.signal(run, "go", key="k")
    sim.succeed("A")
    sim.signal(run, "go", key="k")
    assert names(run) == ["W", "B"]


def test_the_oldest_of_several_waiting_nodes_is_released_unless_one_is_named() -> None:
    sim = simulated({"main": flow(edge("-> W", foreach=foreach()), "W -> A")}, W=wait())
    run = sim.start("main")
    first, second, third = run.pending
    sim.signal(run, "go", "for the third", node=third.id)
    sim.signal(run, "go", "for the first")
    assert [node.id for node in run.pending if node.name == "W"] == [second.id]
    assert first.id not in {node.id for node in run.pending}
    task = next(node for node in run.pending if node.name == "A")
    with pytest.raises(SignalRefusedError, match=f"no node {task.id} of run run-1 waits for 'go'"):
        sim.signal(run, "go", node=task)


def test_a_cycle_waits_for_a_signal_each_time_round() -> None:
    again = edge("W -> W", condition=when("fieldEqual", "W", key="again", value=True))
    sim = simulated({"main": flow("-> W", again)}, W=wait())
    run = sim.start("main")
    for _ in range(3):
        sim.signal(run, "go", {"again": True})
    assert names(run) == ["W"]
    sim.signal(run, "go", {"again": False})
    assert run.status is Status.SUCCEEDED


def test_nodes_take_the_first_signal_that_fits_them() -> None:
    sim = simulated(
        {"main": flow("-> A", "A -> W V", "W -> B", "V -> C")}, W=wait(schema=BY), V=wait(schema={"type": "integer"})
    )
    run = sim.start("main")
    sim.signal(run, "go", 7)
    sim.signal(run, "go", {"by": "Ada"})
    sim.succeed("A")
    assert sorted(names(run)) == ["B", "C"]


# --- Sub-flows --------------------------------------------------------------------------------------------------------


def test_a_signal_to_the_root_reaches_nodes_of_sub_flows_after_its_own() -> None:
    sim = simulated({"main": flow("-> W sub", "sub -> B"), "sub": flow("-> V", "V -> A")}, W=wait(), V=wait())
    run = sim.start("main")
    sim.signal(run, "go", key="1")
    assert names(run) == ["V"]
    sim.signal(run, "go", key="1")
    assert names(run) == ["V"]
    sim.signal(run, "go", key="2")
    assert names(run) == ["A"]
    sim.signal(run, "go", key="2")
    assert names(run) == ["A"]


def test_a_signal_kept_by_the_root_is_taken_by_a_node_that_starts_in_a_sub_flow_later() -> None:
    flows = {"main": flow("-> A", "A -> mid"), "mid": flow("-> sub"), "sub": flow("-> V V", "V -> B")}
    sim = simulated(flows, V=wait())
    run = sim.start("main")
    sim.signal(run, "go", 1, key="1")
    sim.signal(run, "go", 2, key="2")
    sim.signal(run, "go", 3, key="3")
    sim.succeed("A")
    assert names(run) == ["B", "B"]
    assert [kept.key for kept in run.view.signals] == ["3"]


def test_a_signal_to_a_sub_flow_run_stays_below_it() -> None:
    sim = simulated({"main": flow("-> W sub"), "sub": flow("-> X", "X -> V", "V -> A")}, W=wait(), V=wait())
    run = sim.start("main")
    [child] = run.children
    sim.signal(child, "go")
    assert names(run) == ["W", "X"]
    sim.succeed("X")
    assert names(run) == ["W", "A"]


def test_a_run_of_a_fan_out_is_released_in_the_order_of_their_starts() -> None:
    sim = simulated({"main": flow(edge("-> sub", foreach=foreach())), "sub": flow("-> V", "V -> A")}, V=wait())
    run = sim.start("main")
    children = run.children
    sim.signal(run, "go")
    assert [[node.name for node in child.pending] for child in children] == [["A"], ["V"], ["V"]]
    sim.signal(run, "go", node=children[2].pending[0])
    assert [[node.name for node in child.pending] for child in children] == [["A"], ["V"], ["A"]]


# --- Delays -----------------------------------------------------------------------------------------------------------


def test_a_delay_takes_its_time_and_has_no_result() -> None:
    sim = simulated({"main": flow("-> D", edge("D -> A", node_args={"x": "node_args.x"}))}, D={"delay": "1h30m"})
    run = sim.start("main", {"x": 1})
    assert [(node.kind, node.countdown) for node in run.pending] == [(NodeKind.DELAY, 5400)]
    sim.advance(5399)
    assert names(run) == ["D"]
    sim.advance(1)
    assert names(run) == ["A"]


@pytest.mark.parametrize(("given", "seconds"), [(90, 90), ("1m", 60), (0, 0), ("0s", 0)])
def test_a_delay_can_come_from_node_args(given: Any, seconds: int) -> None:
    sim = simulated({"main": flow("-> D", "D -> A")}, D={"delay": "node_args.pause"})
    run = sim.start("main", {"pause": given})
    sim.advance(max(0, seconds - 1))
    assert names(run) == (["A"] if seconds == 0 else ["D"])
    sim.advance(1)
    assert names(run) == ["A"]


def test_a_delay_can_come_from_a_result() -> None:
    sim = simulated({"main": flow("-> A", "A -> D")}, D={"delay": "results.A.retry_after"})
    run = sim.start("main")
    sim.succeed("A", result={"retry_after": 7})
    assert [node.countdown for node in run.pending] == [7]


@pytest.mark.parametrize("given", [None, "soon", -1, "10x", 1e300, True, {"s": ["x" * 1000]}])
def test_a_delay_that_is_given_no_duration_fails(given: Any) -> None:
    sim = simulated({"main": flow("-> D", "D -> A")}, D={"delay": "node_args.pause"})
    run = sim.start("main", {"pause": given})
    assert run.status is Status.FAILED
    [node] = run.view.nodes.values()
    assert node.error is not None
    assert node.error.type == "NoDuration"
    assert node.error.message.startswith("delay D: ")
    assert node.error.message.endswith(" is no duration; take seconds, or text such as 1h30m")
    assert len(node.error.message) < 200
    assert run.error is not None
    assert run.error.message.startswith("D failed (D: NoDuration: ")


def test_a_delay_whose_template_cannot_be_read_fails_by_itself() -> None:
    sim = simulated({"main": flow("-> D")}, D={"delay": "length(node_args.pause)"})
    run = sim.start("main", {"pause": 5})
    [node] = run.view.nodes.values()
    assert node.error is not None
    assert "delay D: template length(node_args.pause): " in node.error.message


def test_a_fallback_handles_a_delay_that_is_given_no_duration() -> None:
    keys = {"failures": [{"nodes": "D", "fallback": "F"}]}
    sim = simulated({"main": flow("-> A", "A -> D", **keys)}, D={"delay": "results.A.pause"})
    run = sim.start("main")
    sim.succeed("A", result={})
    assert names(run) == ["F"]
    sim.succeed("F")
    assert run.status is Status.SUCCEEDED


# --- Runs that pause, end, begin anew ---------------------------------------------------------------------------------


def test_time_goes_on_in_a_paused_run_and_what_follows_is_held() -> None:
    sim, run = approval("W -> D", "D -> A", failures=[])
    sim.pause(run)
    sim.signal(run, "go", {"by": "Ada"})
    assert names(run) == ["D"]
    sim.advance(600)
    assert names(run) == []
    sim.resume(run)
    assert names(run) == ["A"]


def test_a_cancelled_run_waits_for_nothing() -> None:
    sim, run = approval()
    sim.cancel(run)
    assert names(run) == []
    assert run.status is Status.CANCELLED
    sim.advance(2 * DAY)
    assert run.status is Status.CANCELLED
    with pytest.raises(SignalRefusedError, match=r"is over \(cancelled\)"):
        sim.signal(run, "go", {"by": "Ada"})


def test_a_run_that_begins_anew_waits_anew() -> None:
    sim, run = approval("-> X", max_retry=1)
    sim.fail("X")
    sim.advance(DAY)
    sim.advance(0)
    assert run.attempt == 2
    assert "W" in names(run)
    sim.signal(run, "go", {"by": "Ada"})
    assert "W" not in names(run)


def test_a_wait_can_give_the_run_its_node_args() -> None:
    sim, run = approval("W -> A", node_args_from_first=True)
    sim.signal(run, "go", {"by": "Ada"})
    assert run.node_args == {"by": "Ada"}


def test_a_run_keeps_so_many_signals_and_no_more() -> None:
    sim = simulated({"main": flow("-> A", "A -> W")}, W=wait())
    run = sim.start("main")
    for _ in range(MOST_KEPT):
        sim.signal(run, "go")
    with pytest.raises(SignalRefusedError, match="takes no more"):
        sim.signal(run, "go")


def test_snapshots_hold_what_waits_and_what_is_kept() -> None:
    sim = simulated({"main": flow("-> A W", "A -> W")}, W=wait(timeout="1d"))
    run = sim.start("main")
    sim.signal(run, "go", {"n": 1})
    sim.signal(run, "go", {"n": 2})
    state = run._run
    assert snapshot.decode(snapshot.encode(state)) == state


def test_a_run_continued_from_its_facts_waits_on() -> None:
    sim, run = approval()
    again = sim.continue_from(run.facts)
    assert names(again) == ["W"]
    sim.signal(again, "go", {"by": "Ada"})
    assert names(again) == ["A"]


def test_play_gives_signals_as_answers_and_lets_delays_pass() -> None:
    sim, run = approval("W -> D", edge("D W -> A", node_args={"who": "results.W.by"}))
    seen = []
    sim.play({"W": {"by": "Ada"}, "A": lambda *args, **kwargs: seen.append(kwargs or args)})
    assert run.status is Status.SUCCEEDED
    assert seen == [{"who": "Ada"}]


def test_a_node_that_was_released_before_its_run_was_cancelled_has_succeeded() -> None:
    decided = Decided(["-> W"], {"W": wait()})
    [id] = decided.active()
    decided.take(e.SignalReceived(at=1.0, run_id=RUN, name="go", key="k"))
    facts = decided.take(e.CancelRequested(at=2.0, run_id=RUN))
    assert facts == (f.NodeSucceeded(id=id), f.RunCancelled(reason=""))
    assert decided.take(e.TimerDue(at=3.0, run_id=RUN, kind=e.TimerKind.NODE_DONE, id=id)) == ()


def test_a_timeout_that_strikes_after_the_release_changes_nothing() -> None:
    decided = Decided(["-> W"], {"W": wait(timeout=1)})
    [id] = decided.active()
    decided.take(e.SignalReceived(at=1.0, run_id=RUN, name="go", key="k"))
    assert decided.time_out(id) == ()
    done = e.TimerDue(at=3.0, run_id=RUN, kind=e.TimerKind.NODE_DONE, id=id)
    assert decided.take(done) == (f.NodeSucceeded(id=id), f.RunSucceeded())
    assert decided.take(done) == ()


# --- Retries of runs that are over ------------------------------------------------------------------------------------


def test_in_a_retry_the_payload_of_a_signal_stands_and_nobody_has_to_approve_twice() -> None:
    sim, run = approval(edge("W -> A", node_args={"who": "results.W.by"}), failures=[])
    sim.signal(run, "go", {"by": "Ada"})
    sim.fail("A")
    again = sim.retry(run)
    assert names(again) == ["A"]
    assert again.pending[0].node_args == {"who": "Ada"}


def test_in_a_retry_a_wait_that_had_given_up_waits_anew_in_its_whole_time() -> None:
    sim, run = approval(edge("W -> A"), failures=[])
    sim.advance(DAY)
    assert run.status is Status.FAILED
    again = sim.retry(run)
    assert [(node.name, node.until) for node in again.pending] == [("W", 2 * DAY)]
    sim.signal(again, "go", {"by": "Ada"})
    assert names(again) == ["A"]


def test_a_retry_from_a_wait_asks_again_and_one_from_a_delay_waits_again() -> None:
    sim, run = approval(edge("W -> D"), edge("D -> A"), failures=[])
    sim.signal(run, "go", {"by": "Ada"})
    sim.advance(600)
    sim.succeed("A")
    assert run.status is Status.SUCCEEDED
    asked, delayed = sim.retry(run, "W"), sim.retry(run, "D")
    assert (names(asked), names(delayed)) == (["W"], ["D"])
    sim.advance(600)
    assert (names(asked), names(delayed)) == (["W"], ["A"])
