"""`init`: a project that runs at once, and one from the tasks of a Celery app; and `dev` where there is none."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.cli.project import ASYNCFLOW, Done, read_until
from tests.servers import free_port

APP = """
from celery import Celery

app = Celery("shop", include=["shop.mail"])
app.conf.task_routes = {"shop.mail.*": {"queue": "letters"}}


@app.task
def price(item, amount=1):
    return {"item": item, "price": 2 * amount}
"""
MAIL = """
from shop.celery import app


@app.task(bind=True)
def send_mail(self, to):
    return f"sent to {to}"


@app.task(name="price")
def another_price():
    return 0
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ASYNCFLOW_CONFIG", "ASYNCFLOW_BROKER_URL", "ASYNCFLOW_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def do(folder: Path, *args: str) -> Done:
    done = subprocess.run([*ASYNCFLOW, *args], cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def test_a_new_project_runs_at_once(folder: Path) -> None:
    made = do(folder, "init", "demo")
    assert (made.code, made.out.split()) == (
        0,
        ["demo/tasks.py", "demo/nodes.yaml", "demo/flows.yaml", "demo/asyncflow.schema.json"],
    )
    assert "next: cd demo && asyncflow run dinner --node-args" in made.err
    demo = folder / "demo"
    assert (demo / "flows.yaml").read_text().startswith("# yaml-language-server: $schema=./asyncflow.schema.json\n")
    assert "flow-definitions" in json.loads((demo / "asyncflow.schema.json").read_text())["properties"]
    assert do(demo, "check", ".").code == 0
    ran = do(demo, "run", "dinner", "--node-args", '{"guests": 2}', "--json")
    assert (ran.code, ran.json["state"]) == (0, "succeeded")

    (demo / "tasks.py").write_text("mine")
    again = do(folder, "init", "demo")
    assert (again.code, again.out) == (2, "")
    assert "demo/tasks.py" in again.err
    assert "--force to overwrite" in again.err
    assert (demo / "tasks.py").read_text() == "mine"
    assert do(folder, "init", "demo", "--force").code == 0


def test_the_tasks_of_a_celery_app_become_nodes_that_run(folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").touch()
    (folder / "shop" / "celery.py").write_text(APP)
    (folder / "shop" / "mail.py").write_text(MAIL)
    made = do(folder, "init", "--celery-app", "shop.celery:app")
    assert made.code == 0, made.err
    assert "3 tasks of your app stand in nodes.yaml" in made.err
    nodes = (folder / "nodes.yaml").read_text()
    for line in (
        '- name: "Price"',
        'celery_task: "price"',
        '- name: "CeleryPrice"',
        'celery_task: "shop.celery.price"',
        "kwargs: {item: node_args.item}",
        '- name: "SendMail"',
        'queue: "letters"',
        "kwargs: {to: node_args.to}",
    ):
        assert line in nodes
    assert do(folder, "check", "nodes.yaml", "flows.yaml").code == 0
    ran = do(folder, "run", "first", "--json")
    assert ran.code in (0, 2), ran.err
    if ran.code == 2:
        assert "does not take these node args" in ran.err


@pytest.mark.parametrize(
    ("app", "said"), [("nowhere", "cannot import the Celery app"), ("json:loads", "not a Celery app")]
)
def test_an_app_that_is_none_is_said(folder: Path, app: str, said: str) -> None:
    done = do(folder, "init", "--celery-app", app)
    assert done.code == 2
    assert said in done.err
    assert list(folder.iterdir()) == []


def test_dev_serves_a_demonstration_where_there_are_no_flows(folder: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    command = [*ASYNCFLOW, "dev", "--http", address]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            told = read_until(child, "asyncflow is at")
            assert "a demonstration is served from" in told
            runs: list[dict[str, str]] = []
            while not runs:  # it is started when the page can be seen; the test's own deadline ends this
                with urllib.request.urlopen(f"http://{address}/api/runs?flow=dinner") as response:
                    runs = json.load(response)["runs"]
                time.sleep(0.1)
        finally:
            child.terminate()
            child.wait(20)
    assert [run["flow"] for run in runs] == ["dinner"]
    assert list(folder.iterdir()) == []
    assert sys.executable in command
