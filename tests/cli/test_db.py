"""`db`: the schema, the soundness and the size of a store, in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.project import Project
from tests.storage_servers import PostgresServer


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose store holds two runs that have ended."""
    project = Project(tmp_path_factory.mktemp("ended"))
    project.environ["ASYNCFLOW_STORE_URL"] = f"sqlite:///{project.folder}/asyncflow.db"
    assert project.run("run", "mended", "--run-id", "one").code == 0
    assert project.run("run", "bad", "--run-id", "two").code == 1
    return project


def runs_of(project: Project) -> list[str]:
    return sorted(run["run_id"] for run in project.look("list", "--json").json["runs"])


def copied(ended: Project, file: Path) -> str:
    """The URL of a store of its own with what has ended."""
    shutil.copy(ended.folder / "asyncflow.db", file)
    return f"sqlite:///{file}"


def test_an_export_is_lines_of_json_of_the_runs_asked_for(ended: Project) -> None:
    done = ended.look("db", "export")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert lines[0]["kind"] == "export"
    assert [line["run_id"] for line in lines if line["kind"] == "run"] == ["one", "two"]
    assert done.err == "exported 2 runs\n"
    alone = ended.look("db", "export", "tw", "-o", str(ended.folder / "two.jsonl"), "-q")
    assert (alone.code, alone.out, alone.err) == (0, "", "")
    written = (ended.folder / "two.jsonl").read_text().splitlines()
    assert {json.loads(line)["run_id"] for line in written[1:]} == {"two"}
    assert ended.look("db", "export", "absent").code == 3
    assert "cannot be written" in ended.look("db", "export", "-o", "/nowhere/x").err


def test_a_sound_store_has_nothing_to_find(ended: Project) -> None:
    done = ended.look("db", "check")
    assert (done.code, done.out, done.err) == (0, "", "nothing is wrong\n")
    assert ended.look("db", "check", "--json").json == {"findings": []}


def test_what_cannot_be_is_found_and_ends_with_1(ended: Project, project: Project) -> None:
    store = copied(ended, project.folder / "broken.db")
    connection = sqlite3.connect(project.folder / "broken.db")
    with connection:
        connection.execute("UPDATE facts SET facts = CAST('[]]' AS BLOB) WHERE version = 1 AND run = 1")
    connection.close()
    done = project.look("db", "check", "--store", store)
    assert done.code == 1
    assert done.out.startswith("error: ")
    assert "(run one)" in done.out
    [finding, *_] = project.look("db", "check", "--store", store, "--json").json["findings"]
    assert (finding["severity"], finding["run_id"]) == ("error", "one")


def test_cleaning_removes_what_ended_long_ago_and_a_dry_run_only_counts(ended: Project, project: Project) -> None:
    copied(ended, project.folder / "asyncflow.db")
    assert project.look("db", "clean", "--keep", "1h").err.startswith("removed 0 runs that ended before 20")
    counted = project.look("db", "clean", "--keep", "0s", "--dry-run", "--json")
    assert counted.json == {"removed": 0, "would_remove": 2}
    assert runs_of(project) == ["one", "two"]
    assert project.look("db", "clean", "--keep", "0s", "--json").json == {"removed": 2}
    assert runs_of(project) == []


def test_a_store_in_use_is_not_cleaned_and_open_runs_stay(project: Project) -> None:
    with project.begin("run", "long", "--run-id", "night") as child:
        assert child.stderr is not None
        assert "started" in child.stderr.readline()
        assert project.look("db", "clean", "--keep", "0s").code == 4
        assert project.look("db", "check").code == 0
    assert project.look("db", "clean", "--keep", "0s", "--json").json == {"removed": 0}
    assert runs_of(project) == ["night"]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["clean"], 2, "Missing option '--keep'"),
        (["clean", "--keep", "30"], 2, "'30' is no duration"),
        (["clean", "--keep", "30d"], 5, "there is no store at asyncflow.db"),
        (["check", "--store", "memory:"], 5, "ends with its process"),
        (["upgrade", "--store", "memory:"], 5, "ends with its process"),
        (["check", "--store", "postgresql://u:%secret@h/d"], 5, "not one that PostgreSQL understands"),
        (["check", "--store", "postgresql://u:secret@127.0.0.1:1/d"], 5, "Connection refused"),
    ],
)
def test_what_cannot_be_looked_after_is_one_line(project: Project, args: list[str], code: int, said: str) -> None:
    done = project.look("db", *args)
    assert done.code == code, done.err
    assert said in done.err
    assert "secret" not in done.err
    assert list(project.folder.glob("*.db")) == []


def test_sqlite_is_up_to_date_by_itself(project: Project) -> None:
    done = project.look("db", "upgrade", "--json")
    assert done.json == {"applied": []}
    assert runs_of(project) == []


def test_postgresql_is_upgraded_then_keeps_runs_which_are_listed_and_removed(
    project: Project, postgresql: PostgresServer
) -> None:
    store = ("--store", postgresql.add_database())
    early = project.look("list", *store)
    assert early.code == 5
    assert "run `asyncflow db upgrade`" in early.err

    assert project.look("db", "upgrade", *store).err.startswith("applied 0001")
    assert project.look("db", "upgrade", *store).err == "the schema is up to date\n"
    assert project.run("run", "bad", "--run-id", "one", *store).code == 1
    assert project.look("show", "one", "--json", *store).json["state"] == "failed"
    assert project.look("db", "check", *store).code == 0
    assert '"run_id":"one"' in project.look("db", "export", *store).out
    assert project.look("db", "clean", "--keep", "0s", "--json", *store).json == {"removed": 1}
    assert project.look("list", "--json", *store).json == {"runs": []}


def test_without_the_driver_the_extra_is_named(project: Project) -> None:
    program = "import sys; sys.modules['psycopg'] = None; from asyncflow.cli import main; main()"
    command = [sys.executable, "-c", program, "list", "--store", "postgresql://h/d"]
    done = subprocess.run(command, capture_output=True, text=True, env=project.environ, check=False)
    assert done.returncode == 5
    assert "needs psycopg" in done.stderr
    assert "pip install 'asyncflow-dispatcher[postgresql]'" in done.stderr
    assert done.stderr.count("\n") == 1
