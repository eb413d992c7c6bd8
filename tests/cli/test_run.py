"""`run`, `show` and `list` with everything embedded, in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress

import pytest

from tests.cli.project import ASYNCFLOW, Project, read_until


def test_a_run_that_succeeds_ends_with_0_and_can_be_looked_at_afterwards(project: Project) -> None:
    done = project.run("run", "good", "--node-args", '{"x": 2}', "--label", "for=tests", "--json")
    assert done.code == 0, done.err
    assert done.json["state"] == "succeeded"
    assert done.json["labels"] == {"for": "tests"}
    [node] = done.json["nodes"]
    assert node["result"] == {"sum": 3}
    assert {"id", "name", "kind", "state", "attempt", "result", "error"} <= node.keys()
    assert "succeeded  Add" in done.err
    assert "a task prints this" in done.err
    assert "\x1b" not in done.err

    run_id = done.json["run_id"]
    assert project.look("show", run_id[:8], "--json").json == done.json
    assert "✓ Add" in project.look("show", run_id[:8]).out
    assert project.look("list", "--json", "--flow", "good").json["runs"][0]["run_id"] == run_id
    assert run_id in project.look("list").out
    assert project.look("list", "--state", "failed").out == ""
    for found in (["--label", "for=tests"], ["--since", "1h"], ["--search", run_id[3:]], ["--search", "EST"]):
        assert run_id in project.look("list", *found).out
    for other in (["--label", "for=fun"], ["--until", "1h"], ["--since", "2999-01-01"], ["--search", "for"]):
        assert project.look("list", *other).out == ""


def test_a_run_tells_its_whole_story(project: Project) -> None:
    arguments = '{"n": 0, "file": "absent"}'
    assert project.run("run", "picky", "--node-args", arguments, "--run-id", "picky-1").code == 0
    shown = project.look("show", "picky-1").out
    assert "not taken:" in shown
    assert (
        "Count → Mend did not fire: fieldGreater(db.get('Count'), key='sum', value=5) was false; Count: sum = 1"
        in shown
    )
    full = project.look("show", "picky-1", "-v").out
    assert '  result: {"sum": 1}' in full
    assert "Fail  failed" in full
    assert "raise ValueError(how)" in full

    lines = project.look("logs", "picky-1").out.splitlines()
    told = [line.split("  ", 1)[1] for line in lines]
    assert told[0] == "flow picky begins"
    assert "Fail has failed: ValueError: on purpose" in told
    assert "fallback 0 handles the failure of Fail" in told
    assert told[-1] == "the run has succeeded"
    facts = [json.loads(line) for line in project.look("logs", "picky-1", "--json").out.splitlines()]
    assert [fact["fact"] for fact in facts][:3] == ["RunStarted", "EdgeFired", "NodeStarted"]
    assert facts[-1]["fact"] == "RunSucceeded"


def test_a_run_that_fails_ends_with_1_and_says_why(project: Project) -> None:
    done = project.run("run", "bad", "--json")
    assert done.code == 1
    assert done.json["state"] == "failed"
    assert "Fail: ValueError: on purpose" in done.err
    assert f"next: asyncflow show {done.json['run_id'][:8]}" in done.err
    assert "Traceback" not in done.err
    assert "raise ValueError(how)" in project.look("show", done.json["run_id"][:8], "-v").out


def test_a_failure_that_a_fallback_handles_ends_with_0(project: Project) -> None:
    done = project.run("run", "mended", "-q", "--store", "memory:")
    assert (done.code, done.out, done.err) == (0, "", "a task prints this\n")


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (
            ["run", "absent"],
            3,
            "error: no flow is named 'absent'; configured flows: bad, good, locked, long, mended, picky\n",
        ),
        (["run", "good"], 2, "node_args must be object"),
        (["run", "bad", "--only", "Add"], 2, "no path"),
        (["run", "bad", "-A", "tasks:absent"], 2, "cannot import the Celery app"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_starts_nothing(
    project: Project, args: list[str], code: int, said: str
) -> None:
    done = project.run(*args)
    assert done.code == code, done.err
    assert said in done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert project.look("list", "--json").out in ("", '{"runs":[]}\n')


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["run", "good", "-c", ".", "--node-args", "{x: 1}"], 2, "line 1, column 2"),
        (["run", "good", "-c", ".", "--node-args", "@absent.json"], 2, "absent.json cannot be read"),
        (["show", "x"], 5, "there is no store at asyncflow.db"),
        (["show", "x", "--store", "sqlite:///flows.yaml"], 5, "not a SQLite database"),
        (["list", "--store", "memory:"], 5, "ends with its process"),
    ],
)
def test_what_cannot_be_read_is_one_line(project: Project, args: list[str], code: int, said: str) -> None:
    done = project.look(*args)
    assert done.code == code, done.err
    assert said in done.err
    assert done.out == ""
    assert not (project.folder / "asyncflow.db").exists()


def test_a_wrong_configuration_shows_every_problem_and_starts_nothing(project: Project) -> None:
    flows = project.folder / "flows.yaml"
    flows.write_text(flows.read_text().replace("to: Add", "to: Adding").replace("celery_task: tasks.wait", "celery: x"))
    done = project.run("run", "good", "--node-args", '{"x": 1}')
    assert done.code == 2
    assert "error[F304]" in done.err
    assert "error[F201]" in done.err
    assert not (project.folder / "asyncflow.db").exists()


def test_ids_that_are_unknown_or_fit_several_runs_have_their_own_exit_codes(project: Project) -> None:
    for run_id in ("same-1", "same-2"):
        project.run("run", "bad", "--run-id", run_id)
    assert project.look("show", "same-1").code == 0
    unknown = project.look("show", "other")
    assert unknown.code == 3
    assert unknown.err.startswith("error: no run has the id 'other'\nhint: ")
    several = project.look("show", "same")
    assert several.code == 4
    assert "same-1" in several.err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_the_run_open_and_says_how_to_go_on(project: Project, how: signal.Signals) -> None:
    with project.begin("run", "long", "--run-id", "night") as child:
        read_until(child, "started")
        child.send_signal(how)
        out, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert out == ""
    assert "run night is open" in err
    assert "asyncflow run long --run-id night" in err
    assert "Traceback" not in err
    assert project.look("show", "night", "--json").json["state"] == "running"


def test_a_store_in_use_is_a_conflict(project: Project) -> None:
    with project.begin("run", "long") as child:
        read_until(child, "started")
        done = project.run("run", "bad")
    assert done.code == 4
    assert "end that one first" in done.err


def test_a_run_goes_on_under_its_id(project: Project) -> None:
    with project.begin("run", "long", "--run-id", "night") as child:
        read_until(child, "started")
    project.wake()
    done = project.run("run", "long", "--run-id", "night", "--json")
    assert done.code == 0, done.err
    assert done.json["nodes"][0]["result"] == "woken"


@pytest.mark.parametrize(("environ", "is_lively"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_only_a_terminal_without_no_color_has_colours_and_a_live_display(
    project: Project, environ: dict[str, str], is_lively: bool
) -> None:
    ours, theirs = os.openpty()
    child = subprocess.Popen(
        [*ASYNCFLOW, "run", "mended", "--store", "memory:"],
        cwd=project.folder,
        env={**project.environ, "TERM": "xterm", **environ},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the terminal is gone when its last program is
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    assert child.wait(20) == 0, shown
    assert (b"\x1b[?25l" in shown) is is_lively
    assert (b"\x1b" in shown) is is_lively


def test_node_args_may_come_by_standard_input(project: Project) -> None:
    done = project.run("run", "good", "--node-args", "@-", "--json", text=json.dumps({"x": 40}))
    assert done.json["nodes"][0]["result"] == {"sum": 41}
