"""`retry`, with everything embedded and over a real broker."""

import pytest

from asyncflow import BlockingClient, RequestError
from tests.cli.project import Project
from tests.cli.test_serve import Kitchen, kitchen

__all__ = ["kitchen"]  # a fixture


def states(report: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {node["name"]: node["state"] for node in report["nodes"]}


def test_what_failed_runs_again_once_it_is_mended_and_the_rest_is_reused(project: Project) -> None:
    first = project.run("run", "locked", "--node-args", '{"x": 2, "key": "key"}', "--json", "--run-id", "first")
    assert (first.code, states(first.json)) == (1, {"Add": "succeeded", "Unlock": "failed"})

    preview = project.look("retry", "first", "--dry-run")
    assert preview.out.splitlines() == [
        "retry of run first of flow locked",
        "  runs again: Unlock",
        "  is reused:  Add",
    ]
    again = project.run("retry", "first", "--json")
    assert (again.code, states(again.json)) == (1, {"Add": "reused", "Unlock": "failed"})

    (project.folder / "key").touch()
    done = project.run("retry", again.json["run_id"][:8], "--json", "--run-id", "third")
    assert (done.code, states(done.json)) == (0, {"Add": "reused", "Unlock": "succeeded", "Enter": "succeeded"})
    results = {node["name"]: node["result"] for node in done.json["nodes"]}
    assert results == {"Add": {"sum": 3}, "Unlock": "open", "Enter": {"sum": 4}}
    assert done.json["labels"] == {"retry_of": again.json["run_id"], "first_run": "first"}
    assert project.look("show", "first", "--json").json["state"] == "failed"

    refused = project.look("retry", "third")
    assert (refused.code, refused.out) == (2, "")
    assert "run third has succeeded; name a node from which it shall run again" in refused.err
    from_node = project.run("retry", "third", "--from", "Unlock", "--json")
    assert states(from_node.json) == {"Add": "reused", "Unlock": "succeeded", "Enter": "succeeded"}


@pytest.mark.timeout(240)
def test_a_retry_goes_through_a_dispatcher(kitchen: Kitchen) -> None:
    first = kitchen.run("run", "locked", "--node-args", '{"x": 2, "key": "door"}', "--run-id", "door-1")
    assert first.code == 1
    (kitchen.folder / "door").touch()
    started = kitchen.look("retry", "door-1", "--run-id", "door-2")
    assert (started.code, started.out) == (0, "door-2\n"), started.err
    assert "next: asyncflow watch door-2" in started.err
    watched = kitchen.look("watch", "door-2", "--json")
    assert (watched.code, states(watched.json)["Add"]) == (0, "reused")
    same = kitchen.look("retry", "door-1", "--run-id", "door-2", "--json")
    assert same.json == {"run_id": "door-2"}
    assert kitchen.look("retry", "nobody").code == 3


@pytest.mark.timeout(240)
def test_synchronous_code_has_the_same_verbs(kitchen: Kitchen) -> None:
    """Here because a dispatcher and a worker are at work."""
    with BlockingClient(kitchen.environ["ASYNCFLOW_BROKER_URL"]) as client:
        run = client.start("good", {"x": 4}, run_id="sync-1", labels={"from": "django"}, priority=3)
        assert run.wait(60).results("Add") == [{"sum": 5}]
        many = client.start_many("good", [{"x": n} for n in range(20)])
        assert [run.wait(60).results("Add") for run in many] == [[{"sum": n + 1}] for n in range(20)]
        assert [run["run_id"] for run in client.list(labels={"from": "django"})] == ["sync-1"]
        assert "good" in client.flows()
        long = client.start("long", run_id="sync-2")
        long.pause()
        assert long.status().state.value == "paused"
        long.resume()
        long.cancel("enough")
        assert long.wait(60).state.value == "cancelled"
        assert dict(long.preview_retry().again) == {"Wait": 1}
        with pytest.raises(RequestError, match="name a node"):
            run.retry()
        assert run.retry(from_="Add").wait(60).succeeded
