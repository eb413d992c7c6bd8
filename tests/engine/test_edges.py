"""Starting and going on: which edges fire, how often, and what they start (R4..R17)."""

from __future__ import annotations

from asyncflow.model import facts as f
from asyncflow.testing import Status
from tests.engine.flows import edge, facts_of, fallback, foreach, ids, one, pending, simulated, started, when

NEVER = when("alwaysFalse")


def test_r4_a_reused_node_is_evaluated_in_the_step_that_reuses_it() -> None:
    sim = simulated(
        {"main": ["-> A", "A -> B", "B -> C"]},
        {name: {"selective_run_function": {"name": "reuse", "import": "user"}} for name in "AB"},
        functions={"reuse": lambda flow, task, *_: f"old-{task}"},
    )
    run = sim.start("main", selective=["C"])
    assert pending(run) == ["C"]
    assert run.finished == {"A": ["old-A"], "B": ["old-B"]}
    assert one(run, "C").parent == {"B": "old-B"}


def test_r5_starting_edges_fire_in_their_order_with_the_parent_of_the_run() -> None:
    sim = simulated({"main": ["-> B", "A -> D", "-> A C"]})
    run = sim.start("main", {"x": 1}, parent={"Before": "some-id"})
    assert pending(run) == ["B", "A", "C"]
    assert {(str(node.parent), str(node.node_args)) for node in run.pending} == {("{'Before': 'some-id'}", "{'x': 1}")}


def test_r5_a_false_starting_edge_starts_nothing_and_the_others_do() -> None:
    _, run = started(edge("-> A", condition=NEVER), "-> B")
    assert pending(run) == ["B"]
    assert facts_of(run, f.EdgeNotFired)[0].edge == 0


def test_r5_a_run_with_no_true_starting_edge_succeeds_at_once() -> None:
    _, run = started(edge("-> A", condition=NEVER))
    assert run.status is Status.SUCCEEDED
    assert run.pending == ()


def test_r6_an_edge_waits_for_its_source_however_late_that_is_started() -> None:
    sim, run = started("C -> D", "B -> C", "A -> B", "-> A")
    for name in "ABC":
        assert pending(run) == [name]
        sim.succeed(name)
    assert pending(run) == ["D"]


def test_r6_a_cycle_fires_its_edges_again_and_again() -> None:
    sim, run = started("-> A", edge("A -> A", condition=when("fieldEqual", key="again", value=True)))
    for _ in range(5):
        sim.succeed(A={"again": True})
    sim.succeed(A={"again": False})
    assert len(run.finished["A"]) == 6
    assert run.status is Status.SUCCEEDED


def test_r7_successes_and_failures_are_told_apart_and_the_rest_stays_active() -> None:
    sim, run = started("-> A B C", failures=[fallback("B", "D")])
    sim.succeed("A")
    sim.fail("B")
    assert list(run.finished) == ["A"]
    assert list(run.failed) == ["B"]
    assert pending(run) == ["C"]


def test_r8_nothing_is_evaluated_when_nothing_has_ended() -> None:
    sim, run = started("-> A", "A -> B")
    before = run.facts
    sim.advance(1_000_000)
    assert run.facts == before


def test_r9_only_edges_that_a_finished_node_touches_are_looked_at() -> None:
    sim, run = started("-> A B", edge("A -> C", condition=NEVER), edge("B -> D", condition=NEVER))
    sim.succeed("A")
    assert [fact.edge for fact in facts_of(run, f.EdgeNotFired)] == [1]


def test_r10_each_combination_fires_once() -> None:
    sim, run = started("-> A A A B B", "A B -> C")
    a, b = ids(run, "A"), ids(run, "B")
    for id in (a[0], b[0], a[1], b[1], a[2]):
        sim.succeed(id)
    told = sorted((node.parent["A"], node.parent["B"]) for node in run.pending)
    assert told == sorted((one_a, one_b) for one_a in a for one_b in b)


def test_r10_two_nodes_that_finish_together_combine_once() -> None:
    sim, run = started("-> A B", "A B -> C")
    sim.succeed([*ids(run, "A"), *ids(run, "B")])
    assert pending(run) == ["C"]


def test_r10_three_sources_fire_when_the_last_has_finished() -> None:
    sim, run = started("-> A B C", "A B C -> D")
    sim.succeed("C")
    sim.succeed("A")
    assert pending(run) == ["B"]
    sim.succeed("B")
    assert pending(run) == ["D"]


def test_r11_a_condition_is_evaluated_for_each_combination_on_its_own_results() -> None:
    sim, run = started("-> A A B", edge("A B -> C", condition=when("fieldEqual", "A", key="ok", value=True)))
    first, second = ids(run, "A")
    sim.succeed({first: {"ok": False}, second: {"ok": True}, one(run, "B").id: None})
    assert one(run, "C").parent["A"] == second
    assert [fact.sources["A"] for fact in facts_of(run, f.EdgeNotFired)] == [first]


def test_r11_the_parent_names_task_sources_only() -> None:
    sim = simulated({"main": ["-> A inner", "A inner -> B"], "inner": ["-> X"]}, opaque=True)
    run = sim.start("main")
    a = one(run, "A").id
    sim.succeed("A")
    sim.succeed("inner", result={"finished_nodes": {"X": ["x"]}})
    assert one(run, "B").parent == {"A": a}


def test_r12_a_false_condition_is_no_failure() -> None:
    sim, run = started("-> A", edge("A -> B", condition=NEVER))
    sim.succeed("A")
    assert run.status is Status.SUCCEEDED


def test_r12_an_empty_foreach_is_no_failure_and_the_edge_has_fired() -> None:
    for nothing in (None, []):
        sim, run = started(
            "-> A", edge("A -> B", foreach=foreach()), functions={"items": lambda *_, none=nothing: none}
        )
        sim.succeed("A")
        assert run.status is Status.SUCCEEDED
        assert [(fact.edge, fact.items) for fact in facts_of(run, f.EdgeFired)] == [(0, None), (1, 0)]


def test_r12_a_join_that_never_completes_is_no_failure() -> None:
    sim, run = started("-> A", edge("A -> B", condition=NEVER), "A B -> C")
    sim.succeed("A")
    assert run.status is Status.SUCCEEDED


def test_r13_a_name_listed_twice_is_started_twice() -> None:
    _, run = started("-> A B A")
    assert pending(run) == ["A", "B", "A"]
    assert len(set(ids(run, "A"))) == 2


def test_r14_foreach_starts_the_targets_once_for_each_item_with_the_node_args_of_the_flow() -> None:
    sim, run = started(
        "-> A", edge("A -> B C", foreach=foreach()), node_args={"x": 1}, functions={"items": lambda pool, args: [1, 2]}
    )
    sim.succeed("A")
    assert pending(run) == ["B", "C", "B", "C"]
    assert {str(node.node_args) for node in run.pending} == {"{'x': 1}"}


def test_r14_foreach_gets_the_results_of_the_sources_and_the_node_args() -> None:
    sim, run = started(
        "-> A", edge("A -> B", foreach=foreach()), node_args=3, functions={"items": lambda pool, n: pool.get("A") * n}
    )
    sim.succeed(A=["one", "two"])
    assert pending(run) == ["B"] * 6


def test_r14_items_are_the_node_args_of_sub_flows_with_propagate_result() -> None:
    inner = [edge("-> X")]
    sim = simulated(
        {"main": [edge("-> inner", foreach=foreach(propagate_result=True))], "inner": inner},
        functions={"items": lambda *_: ["a", {"b": 1}]},
        opaque=True,
    )
    run = sim.start("main", {"own": True})
    assert [node.node_args for node in run.pending] == ["a", {"b": 1}]


def test_r15_a_task_gets_the_node_args_its_queue_and_its_parent() -> None:
    sim, run = started("-> A", "A -> B", node_args={"x": 1}, tasks={"B": {"queue": "special"}})
    a = one(run, "A").id
    sim.succeed("A")
    node = one(run, "B")
    assert (node.node_args, node.parent, node.queue, node.countdown) == ({"x": 1}, {"A": a}, "special", 0)


def test_r15_a_sub_flow_gets_node_args_and_parent_only_where_asked_for() -> None:
    flows = {"plain": ["-> X"], "told": ["-> X"]}
    main = {"edges": ["-> A", "A -> plain told"], "propagate_node_args": ["told"], "propagate_parent": ["told"]}
    sim = simulated({"main": main, **flows}, opaque=True)
    run = sim.start("main", {"x": 1})
    a = one(run, "A").id
    sim.succeed("A")
    assert (one(run, "plain").node_args, one(run, "plain").parent) == (None, None)
    assert (one(run, "told").node_args, one(run, "told").parent) == ({"x": 1}, {"A": a})


def test_r16_nowait_nodes_are_started_and_not_waited_for() -> None:
    sim, run = started("-> A B", nowait=["B"])
    sim.succeed("A")
    assert run.status is Status.SUCCEEDED
    assert pending(run) == ["B"]


def test_r16_what_becomes_of_a_nowait_node_changes_nothing() -> None:
    sim, run = started("-> A B B", nowait=["B"], failures=[fallback("B", "C")])
    first, second = ids(run, "B")
    sim.fail(first)
    sim.succeed(second)
    assert (run.finished, run.failed, pending(run)) == ({}, {}, ["A"])


def test_r16_a_nowait_node_that_ends_after_the_run_decides_nothing() -> None:
    sim, run = started("-> A B B", nowait=["B"])
    sim.succeed("A")
    first, second = ids(run, "B")
    sim.fail(first)
    sim.succeed(second)
    assert run.status is Status.SUCCEEDED
    assert run.pending == ()
    assert (run.finished.keys(), run.failed) == ({"A"}, {})


def test_q8_a_flow_of_nowait_nodes_only_is_executed_once() -> None:
    sim, run = started("-> A B", nowait=["A", "B"])
    assert run.status is Status.SUCCEEDED
    sim.succeed("A")
    sim.succeed("B")
    assert len(facts_of(run, f.NodeStarted)) == 2


def test_r17_the_parent_holds_the_direct_sources_only() -> None:
    sim, run = started("-> A", "A -> B", "B -> C")
    sim.succeed("A")
    b = one(run, "B").id
    sim.succeed("B")
    assert one(run, "C").parent == {"B": b}


# --- Beyond Selinon: joins and node args of an edge -------------------------------------------------------------------


def test_join_any_fires_once_at_the_first_source() -> None:
    sim, run = started("-> A B C", edge("A B C -> D", join="any"))
    b = one(run, "B").id
    sim.succeed("B")
    assert one(run, "D").parent == {"B": b}
    sim.succeed("A")
    sim.succeed("C")
    assert pending(run) == ["D"]


def test_join_at_least_fires_once_at_the_source_that_makes_them_enough() -> None:
    sim, run = started("-> A B C", edge("A B C -> D", join={"at_least": 2}))
    a, c = one(run, "A").id, one(run, "C").id
    sim.succeed("C")
    assert "D" not in pending(run)
    sim.succeed("A")
    assert one(run, "D").parent == {"A": a, "C": c}
    sim.succeed("B")
    assert pending(run) == ["D"]


def test_join_counts_sources_and_not_their_instances() -> None:
    sim, run = started("-> A A B C", edge("A B C -> D", join={"at_least": 2}))
    sim.succeed(ids(run, "A"))
    assert "D" not in pending(run)
    sim.succeed("B")
    assert "D" in pending(run)


def test_join_that_its_sources_fail_to_complete_is_no_failure_of_its_own() -> None:
    sim, run = started("-> A B", edge("A B -> D", join="any"), failures=[fallback("A", True), fallback("B", True)])
    sim.fail("A")
    sim.fail("B")
    assert run.status is Status.SUCCEEDED


def test_a_condition_on_a_source_that_a_join_did_not_wait_for_is_false() -> None:
    looks_at_a = when("fieldEqual", "A", key="k", value=1)
    for condition, starts in ((looks_at_a, []), ({"not": looks_at_a}, ["C"])):
        sim, run = started("-> A B", edge("A B -> C", join="any", condition=condition))
        sim.succeed("B")
        assert [name for name in pending(run) if name == "C"] == starts


def test_node_args_of_an_edge_are_built_from_results_and_node_args() -> None:
    sim, run = started(
        "-> A B",
        edge("A B -> C", node_args={"total": "results.A.sum", "who": "node_args.name", "fixed": {"value": [1]}}),
        edge("A -> D", node_args={"from": "A"}),
        "B -> E",
        node_args={"name": "Ann"},
    )
    sim.succeed(A={"sum": 5})
    sim.succeed("B")
    assert one(run, "C").node_args == {"total": 5, "who": "Ann", "fixed": [1]}
    assert one(run, "D").node_args == {"sum": 5}
    assert one(run, "E").node_args == {"name": "Ann"}


def test_node_args_of_an_edge_reach_sub_flows_without_being_propagated() -> None:
    sim = simulated({"main": ["-> A", edge("A -> inner", node_args={"from": "A"})], "inner": ["-> X"]})
    run = sim.start("main", {"ignored": 1})
    sim.succeed(A={"k": 1})
    assert one(run, "X").node_args == {"k": 1}


def test_node_args_that_read_every_result_leave_sub_flows_out() -> None:
    sim = simulated({"main": ["-> A inner", edge("A inner -> B", node_args="results")], "inner": ["-> X"]})
    run = sim.start("main")
    sim.succeed(A=1)
    sim.succeed("X")
    assert one(run, "B").node_args == {"A": 1}


def test_node_args_that_cannot_be_built_fail_the_run_and_say_why() -> None:
    sim, run = started("-> A", edge("A -> B", node_args="length(results.A)"))
    sim.succeed(A=5)
    assert run.status is Status.FAILED
    assert run.error is not None
    assert run.error.type == "DispatcherFailure"
    assert "length(results.A)" in run.error.message


def test_a_plain_task_is_called_with_what_its_templates_build() -> None:
    add = {"celery_task": "proj.add", "args": ["node_args.x", {"value": 3}], "kwargs": {"y": "results.A.total"}}
    sim, run = started("-> A", "A -> B", node_args={"x": 1}, tasks={"B": add})
    sim.succeed(A={"total": 7})
    assert (one(run, "B").args, one(run, "B").kwargs) == ((1, 3), {"y": 7})


def test_a_plain_task_without_templates_takes_an_object_as_keywords_and_else_one_argument() -> None:
    for node_args, args, kwargs in (({"x": 1}, (), {"x": 1}), ([1], ([1],), {}), (None, (), {})):
        _, run = started("-> A", node_args=node_args, tasks={"A": {"celery_task": "proj.a"}})
        assert (one(run, "A").args, one(run, "A").kwargs) == (args, kwargs)
