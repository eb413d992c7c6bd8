"""`simulate`: a run, or many, by the dispatcher's rules alone."""

from __future__ import annotations

import pytest

from tests.cli.project import Project

SHOPPING = """
tasks:
  - {name: Count, celery_task: absent.count, max_retry: 1, retry_countdown: 5}
  - {name: Many, celery_task: absent.many}
  - {name: Few, celery_task: absent.few}
  - {name: Never, celery_task: absent.never}
flows: [shopping, home, circle]
flow-definitions:
  - name: shopping
    edges:
      - {from: , to: Count}
      - {from: Count, to: Many, condition: {name: fieldGreater, args: {key: eggs, value: 6}}}
      - {from: Count, to: Few, condition: {not: {name: fieldGreater, args: {key: eggs, value: 6}}}}
    failures:
      - {nodes: Many, fallback: Few}
  - name: home
    edges:
      - {from: , to: shopping}
  - name: circle
    edges:
      - {from: , to: Never}
      - {from: Never, to: Never}
"""


@pytest.fixture
def shop(project: Project) -> Project:
    (project.folder / "flows.yaml").write_text(SHOPPING)
    return project


def lines_of(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_run_is_told_node_by_node_and_ends_with_its_outcome(shop: Project) -> None:
    done = shop.look("simulate", "shopping", "--result", 'Count={"eggs": 12}')
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "✓ Count 0.00 s",
        "✓ Many  0.00 s",
        "did not fire once  Count -> Few if (not fieldGreater(db.get('Count'), key='eggs', value=6))",
        "✓ shopping succeeded in 0.00 s: 2 tasks succeeded  run run-1",
    ]


def test_failures_are_drawn_by_chance_and_lead_to_fallbacks_and_exit_code_1(shop: Project) -> None:
    done = shop.look("simulate", "home", "--fail", "Many=1", "--result", 'Count={"eggs": 12}', "-v")
    assert done.code == 0
    assert ["fired", "once", "shopping:", "failed", "Many", "->", "Few"] in lines_of(done.out)
    lost = shop.look("simulate", "home", "--fail", "1", "--json")
    assert lost.code == 1
    assert lost.json["state"] == "failed"
    [count] = lost.json["nodes"][0]["nodes"]
    assert (count["name"], count["attempt"], count["error"]["message"]) == ("Count", 2, "failed by chance")


def test_the_same_seed_is_the_same_run(shop: Project) -> None:
    def played(seed: int) -> str:
        return shop.look("simulate", "shopping", "--fail", "0.5", "--seed", str(seed), "--json").out

    runs = [played(seed) for seed in range(8)]
    assert [played(seed) for seed in range(8)] == runs
    assert len({run.partition('"seed"')[0] for run in runs}) > 1


def test_many_runs_are_counted_by_outcome_node_and_edge(shop: Project) -> None:
    args = ["simulate", "home", "--runs", "200", "--fail", "Count=0.5", "--result", "Count=@eggs.json"]
    (shop.folder / "eggs.json").write_text('{"eggs": 3}')
    done = shop.look(*args, "--json")
    assert done.code == 0
    told = done.json
    failed = told["outcomes"]["failed"]
    assert told["outcomes"]["succeeded"] + failed == told["runs"] == 200
    assert 20 < failed < 80, "half of the runs fail at first, and half of these again"
    nodes = {(node["flow"], node["name"]): node for node in told["nodes"]}
    assert nodes["shopping", "Count"]["started"] == 200
    assert nodes["shopping", "Count"]["failed"] == failed == nodes["home", "shopping"]["failed"]
    assert nodes["shopping", "Count"]["retried"] > failed
    assert nodes["shopping", "Many"]["runs"] == 0
    edges = {(*edge["from"], *edge["to"]): edge for edge in told["edges"] if edge["flow"] == "shopping"}
    assert edges["Count", "Few"]["fired"] == edges["Count", "Many"]["not_fired"] == 200 - failed
    assert edges["Count", "Few"]["runs"] == 200 - failed
    seed = told["first_seeds"]["failed"]
    again = shop.look("simulate", "home", "--seed", str(seed), "--fail", "Count=0.5", "--result", "Count=@eggs.json")
    assert again.code == 1

    table = lines_of(shop.look(*args).out)
    assert table[0] == ["home", "200", "runs,", "seeds", "1", "to", "200"]
    assert ["shopping/Many", "0.0", "%", "0", "0", "0"] in table
    assert ["home:", "start", "->", "shopping", "100.0", "%", "200", "0"] in table


def test_a_run_that_never_ends_is_an_error_alone_and_an_outcome_among_many(shop: Project) -> None:
    alone = shop.look("simulate", "circle", "--most", "50")
    assert alone.code == 2
    assert "not over after 50 nodes" in alone.err
    many = shop.look("simulate", "circle", "--most", "50", "--runs", "3", "--json")
    assert many.json["outcomes"] == {"endless": 3}
    assert many.json["nodes"] == [
        {"flow": "circle", "name": "Never", "runs": 3, "started": 153, "retried": 0}
        | {"succeeded": 150, "failed": 0, "cancelled": 0}
    ]


def test_an_opaque_sub_flow_is_one_node(shop: Project) -> None:
    done = shop.look("simulate", "home", "--opaque", "shopping", "--json")
    assert [(node["name"], node["state"]) for node in done.json["nodes"]] == [("shopping", "succeeded")]
    assert "nodes" not in done.json["nodes"][0]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["absent"], 3, "no flow is named 'absent'"),
        (["home", "--fail", "Absent=0.5"], 2, "no flow has a node Absent"),
        (["home", "--fail", "Count=1.5"], 2, "a number from 0 to 1"),
        (["home", "--fail", "often"], 2, "a number from 0 to 1"),
        (["home", "--result", "Count"], 2, "is not TASK=JSON"),
        (["home", "--result", "Count={"], 2, "--result Count is not JSON"),
        (["home", "--node-args", "{"], 2, "--node-args is not JSON"),
        (["home", "--opaque", "absent"], 3, "no flow is named 'absent'"),
    ],
)
def test_wrong_wishes_are_one_line(shop: Project, args: list[str], code: int, said: str) -> None:
    done = shop.look("simulate", *args)
    assert done.code == code, done.err
    assert said in done.err
    assert done.out == ""


def test_quiet_leaves_the_exit_code(shop: Project) -> None:
    done = shop.look("simulate", "shopping", "--fail", "1", "-q")
    assert (done.code, done.out, done.err) == (1, "", "")
