"""`retry`, with everything embedded and over a real broker."""

import pytest

from tests.cli.project import Project
from tests.cli.test_serve import Kitchen, kitchen

__all__ = ["kitchen"]  # a fixture


def states(report: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {node["name"]: node["state"] for node in report["nodes"]}


def test_what_failed_runs_again_once_it_is_mended_and_the_rest_is_reused(project: Project) -> None:
    first = project.run("run", "locked", "--node-args", '{"x": 2, "key": "key"}', "--json", "--run-id", "first")
    assert (first.code, states(first.json)) == (1, {"Add": "succeeded", "Unlock": "failed"})

    preview = project.run("retry", "first", "--dry-run")
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

    refused = project.run("retry", "third")
    assert (refused.code, refused.out) == (2, "")
    assert "run third has succeeded; name a node from which it shall run again" in refused.err
    from_node = project.run("retry", "third", "--from", "Unlock", "--json")
    assert states(from_node.json) == {"Add": "reused", "Unlock": "succeeded", "Enter": "succeeded"}


@pytest.mark.timeout(240)
def test_a_retry_goes_through_a_dispatcher(kitchen: Kitchen) -> None:
    first = kitchen.run("run", "locked", "--node-args", '{"x": 2, "key": "door"}', "--run-id", "door-1")
    assert first.code == 1
    (kitchen.folder / "door").touch()
    started = kitchen.run("retry", "door-1", "--run-id", "door-2")
    assert (started.code, started.out) == (0, "door-2\n"), started.err
    assert "next: asyncflow watch door-2" in started.err
    watched = kitchen.run("watch", "door-2", "--json")
    assert (watched.code, states(watched.json)["Add"]) == (0, "reused")
    same = kitchen.run("retry", "door-1", "--run-id", "door-2", "--json")
    assert same.json == {"run_id": "door-2"}
    assert kitchen.run("retry", "nobody").code == 3
