"""The guides in docs/ for those who come from Selinon and from Celery's canvas: every file and command in them, as written."""

import json
from pathlib import Path

import pytest

from tests.environments import python_with_selinon
from tests.reader import HERE, Reader


@pytest.mark.timeout(180)
def test_the_guide_from_selinon_can_be_followed_to_the_letter(tmp_path, vhost, redis_server):
    environ = {
        "BROKER": vhost,
        "BACKEND": redis_server.url(1),
        "REDIS_PORT": str(redis_server.port),
    }
    real = str(Path(python_with_selinon()).parent)
    with Reader(tmp_path, "docs/from-selinon.md", environ) as reader:
        for command in reader.commands:
            if command.startswith("celery -A moved worker -l INFO -Q tasks"):
                reader.do(command)
                reader.stop("celery -A app")
                continue
            if command.startswith("asyncflow serve"):
                reader.stop("asyncflow serve")
                reader.environ["ASYNCFLOW_BROKER_URL"] = vhost
            is_real = command.startswith(("celery -A app", "python order.py"))
            printed = reader.do(command, real if is_real else HERE)
            if command == "python order.py":
                ordered = printed.strip()
                reader.wait_listed(ordered)
                reader.do(f"asyncflow watch {ordered}")
        runs = json.loads(reader.do("asyncflow list --json"))["runs"]
    assert ordered in {run["run_id"] for run in runs}
    assert [run["state"] for run in runs] == ["succeeded"] * 4


@pytest.mark.timeout(120)
def test_the_guide_from_canvas_gives_the_same_bill_both_ways(tmp_path, vhost, redis_server):
    environ = {
        "BROKER": vhost,
        "ASYNCFLOW_BROKER_URL": vhost,
        "BACKEND": redis_server.url(2),
        "ASYNCFLOW_CONFIG": "nodes.yaml:flows.yaml",
    }
    with Reader(tmp_path, "docs/from-canvas.md", environ) as reader:
        printed = {command: reader.do(command) for command in reader.commands}
        runs = json.loads(reader.do("asyncflow list --json"))["runs"]
        ended = [json.loads(reader.do(f"asyncflow show --json {run['run_id']}")) for run in reversed(runs)]
    assert printed["python canvas.py"] == "4.05\n"
    results = [{node["name"]: node["result"] for node in run["nodes"] if node["state"] == "succeeded"} for run in ended]
    assert [run["state"] for run in ended] == ["succeeded"] * 3
    assert results[0]["Discount"] == 4.05
    # The second is said where the worker was not yet asked for its events.
    reasons = ("unsupported operand type(s) for -: 'int' and 'str'", "the worker reported a failure")
    assert results[1]["Apologise"].startswith(tuple(f"no bill today: {reason}" for reason in reasons))
    assert results[2]["Sum"] == 7.0
