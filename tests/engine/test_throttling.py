"""Throttled nodes begin in slots, one interval apart (R38)."""

from __future__ import annotations

from tests.engine.flows import fallback, ids, pending, simulated, started

THROTTLED = {"A": {"throttling": {"seconds": 10}}}


def countdowns(run) -> list[float]:
    return [node.countdown for node in run.pending if node.name == "A"]


def test_r38_the_first_start_is_not_delayed() -> None:
    _, run = started("-> A", tasks=THROTTLED)
    assert countdowns(run) == [0]


def test_q12_throttle_slots_follow_the_last_start() -> None:
    _, run = started("-> A A A A", tasks=THROTTLED)
    assert countdowns(run) == [0, 10, 20, 30]


def test_q12_idle_time_is_not_saved_up() -> None:
    sim = simulated({"main": ["-> A"]}, THROTTLED)
    sim.start("main")
    sim.advance(100)
    assert [countdowns(sim.start("main")) for _ in range(3)] == [[0], [10], [20]]


def test_q12_a_start_between_slots_waits_for_the_next_one() -> None:
    sim = simulated({"main": ["-> A"]}, THROTTLED)
    sim.start("main")
    sim.advance(4)
    assert countdowns(sim.start("main")) == [6]


def test_r38_runs_share_the_slots_of_a_node_and_nodes_have_their_own() -> None:
    sim = simulated({"main": ["-> A B"]}, {**THROTTLED, "B": {"throttling": 3}})
    first, second = sim.start("main"), sim.start("main")
    assert [node.countdown for node in first.pending] == [0, 0]
    assert [node.countdown for node in second.pending] == [10, 3]


def test_r38_throttling_holds_for_edges_and_fallbacks() -> None:
    sim, run = started("-> A B", failures=[fallback("B", "A")], tasks=THROTTLED)
    sim.succeed("A")
    sim.fail("B")
    assert countdowns(run) == [10]


def test_r38_retries_are_not_throttled() -> None:
    sim, run = started("-> A A", tasks={"A": {"throttling": 10, "max_retry": 1, "retry_countdown": 1}})
    sim.fail(ids(run, "A")[0])
    assert countdowns(run) == [10, 1]


def test_r38_a_throttled_sub_flow_begins_in_its_slot() -> None:
    flows = {"main": ["-> sub sub"], "sub": {"edges": ["-> X"], "throttling": {"minutes": 1}}}
    sim = simulated(flows)
    run = sim.start("main")
    assert pending(run) == ["X"]
    sim.advance(59)
    assert pending(run) == ["X"]
    sim.advance(1)
    assert pending(run) == ["X", "X"]


def test_r38_a_run_that_is_asked_for_directly_is_not_throttled() -> None:
    sim = simulated({"sub": {"edges": ["-> X"], "throttling": 60}})
    assert [pending(sim.start("sub")) for _ in range(2)] == [["X"], ["X"]]
