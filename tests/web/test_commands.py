"""`serve --http`, `dev` and `token`, as they are typed."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.cli.project import Project, read_until
from tests.servers import RabbitServer

_URL = re.compile(r"http://[^\s/]+/")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    for name in ("ASYNCFLOW_CONFIG", "ASYNCFLOW_BROKER_URL", "ASYNCFLOW_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    return Project(tmp_path)


def test_tokens_are_made_listed_and_revoked(project: Project) -> None:
    made = project.look("token", "create", "--scope", "run", "--name", "ci", "--json").json
    assert made["token"].startswith("af_")
    listed = project.look("token", "list")
    assert re.match(rf"{made['id']}  run    .*  ci\n", listed.out)
    assert made["token"] not in listed.out
    assert project.look("token", "revoke", made["id"], "--json").json["id"] == made["id"]
    assert project.look("token", "list", "--json").json == {"tokens": []}
    assert project.look("token", "revoke", made["id"]).code == 2
    assert project.look("token", "create", "-q").out.startswith("af_")


def test_dev_serves_everything_and_the_page_from_one_process(project: Project) -> None:
    with project.begin("dev", "--http", "127.0.0.1:0") as child:
        url = _URL.search(read_until(child, "asyncflow is at"))
        assert url is not None
        with httpx.Client(base_url=url[0]) as asked:
            assert "<title>asyncflow</title>" in asked.get("/").text
            started = asked.post("/api/runs", json={"flow": "good", "node_args": {"x": 2}}).json()
            run = asked.get(f"/api/runs/{started['run_id']}/wait", timeout=40).json()["run"]
            assert (run["state"], run["nodes"][0]["result"]) == ("succeeded", {"sum": 3})
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 0


def test_dev_does_not_listen_to_others_without_a_token(project: Project) -> None:
    done = project.look("dev", "--http", "0.0.0.0:0")
    assert done.code == 2
    assert "asyncflow token create" in done.err
    assert project.look("dev", "--http", "nowhere").code == 2


def test_serve_answers_http_over_its_broker(project: Project, rabbit: RabbitServer) -> None:
    project.environ["ASYNCFLOW_BROKER_URL"] = rabbit.add_vhost()
    with project.begin("serve", "--http", "127.0.0.1:0") as child:
        url = _URL.search(read_until(child, "HTTP API are at"))
        assert url is not None
        with httpx.Client(base_url=url[0]) as asked:
            assert asked.get("/readyz").json() == {"status": "ok"}
            assert asked.post("/api/runs", json={"flow": "long", "run_id": "one"}).status_code == 201
            assert asked.get("/api/runs/one").json()["run"]["state"] == "running"
            assert asked.post("/api/runs/one/cancel", json={"reason": "enough"}).status_code == 200
            assert asked.get("/api/runs/one/wait").json()["run"]["state"] == "cancelled"
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 0


@pytest.mark.timeout(180)  # a broker that is started again
def test_serve_says_that_its_broker_is_away(project: Project, breakable_rabbit: RabbitServer) -> None:
    project.environ["ASYNCFLOW_BROKER_URL"] = broker = breakable_rabbit.add_vhost()
    with project.begin("serve", "--http", "127.0.0.1:0") as child:
        url = _URL.search(read_until(child, "HTTP API are at"))
        assert url is not None
        with httpx.Client(base_url=url[0], timeout=20) as asked:
            assert asked.get("/readyz").json() == {"status": "ok"}
            breakable_rabbit.wait_durable(broker, "asyncflow.0")
            breakable_rabbit.kill()
            ready = asked.get("/readyz")
            assert ready.status_code == 503
            assert ready.json()["message"].startswith("the broker cannot be reached")
            assert asked.get("/healthz").status_code == 200
            breakable_rabbit.start()
            deadline = monotonic() + 60
            while asked.get("/readyz").status_code != 200:
                assert monotonic() < deadline
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=20) == 0
