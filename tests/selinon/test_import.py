"""`asyncflow import-selinon`: what a project will find different, what it must change, and what to type."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.selinon.conftest import PROJECT

ASYNCFLOW = Path(sys.executable).with_name("asyncflow")

NODES = """\
tasks:
  - {name: Fetch, import: own, storage: Files, storage_task_name: Old, throttling: {seconds: 1}}
  - {name: Count, import: own}
flows: [report, never]
storages:
  - {name: Files, import: own, configuration: {path: "{NOWHERE_SET}"}}
global:
  predicates_module: own_predicates
  migration_dir: migrations
"""
FLOWS = """\
flow-definitions:
  - name: report
    eager_failures: Fetch
    node_args_from_first: true
    propagate_compound_finished: never
    edges:
      - {from: , to: Fetch}
      - from: Fetch
        to: [never, Count]
        condition:
          and:
            - {name: fieldLenGreaterEqual, args: {key: text, length: 3}}
            - {name: fieldEqual, args: {key: text, value: empty}}
    failures:
      - {nodes: never, fallback: true}
      - {nodes: Count, fallback: never, propagate_failure: true}
  - name: never
    nowait: [Count]
    edges:
      - {from: , to: Count}
"""
CODE = """\
import selinon
from selinon import Config, Dispatcher, SelinonTask
from selinon.executor import Executor
from selinon import run_flow as start

Config.set_celery_app(app)
Config.set_config_py("generated.py")
start("report", {})
selinon.run_flow_selective("report", ["Count"], {})
selinon.StoragePool.get("x")
selinon.trace.Trace.trace_by_sentry("dsn")
"""


def imported(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = [ASYNCFLOW, "import-selinon", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)


def project(folder: Path, nodes: str = NODES) -> Path:
    (folder / "nodes.yaml").write_text(nodes)
    (folder / "flows.yaml").write_text(FLOWS)
    (folder / "code.py").write_text(CODE)
    (folder / "other.yaml").write_text("services: {db: {image: postgres}}\n")
    (folder / "broken.py").write_text("def (:\n")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "hidden.py").write_text("import selinon\n")
    return folder


def told(found: Any) -> dict[str, str]:
    return {f"{one['file']}:{one['line']}": one["told"] for one in found}


def test_every_difference_and_change_is_told_with_its_place(tmp_path: Path) -> None:
    done = imported(project(tmp_path), "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(done.stdout)
    places = {f"{one['file']}:{one['line']}:{one['column']}" for one in found["differences"]}
    assert places == {
        "flows.yaml:3:5",
        "flows.yaml:4:5",
        "flows.yaml:5:5",
        "flows.yaml:12:22",
        "flows.yaml:14:5",
        "flows.yaml:15:34",
        "flows.yaml:16:41",
        "flows.yaml:18:5",
        "nodes.yaml:2:48",
        "nodes.yaml:2:72",
        "nodes.yaml:8:3",
        "nodes.yaml:9:3",
    }
    assert "AT MOST so long; now it means what it says" in told(found["differences"])["flows.yaml:12"]
    changes = told(found["to_change"])
    assert changes.keys() == {"code.py:2", "code.py:3", "code.py:7", "code.py:11"}
    assert "flows are dispatched by `asyncflow serve`" in changes["code.py:2"]
    assert "`asyncflow run FLOW` runs flows without a broker" in changes["code.py:3"]
    assert "Config.set_config_yaml" in changes["code.py:7"]
    assert told(found["starts"]) == {
        "code.py:8": "run_flow starts flows",
        "code.py:9": "run_flow_selective starts flows",
    }
    assert found["files"] == ["flows.yaml", "nodes.yaml", "code.py"]
    assert "celery -A code worker -Q celery" in found["commands"]


def test_the_old_meaning_of_a_predicate_is_no_difference_where_it_is_asked_for(tmp_path: Path) -> None:
    project(tmp_path, NODES + "  compat_predicates: selinon-1.4\n")
    found = json.loads(imported(tmp_path, "--json").stdout)
    assert "flows.yaml:12" not in told(found["differences"])


def test_mistakes_in_the_yaml_come_first(tmp_path: Path) -> None:
    project(tmp_path, NODES.replace("storage: Files", "storage: Nowhere"))
    done = imported(tmp_path)
    assert done.returncode == 2
    assert "nodes.yaml:2:41: " in done.stdout.partition("Must change, before anything runs")[2]


def test_a_folder_without_selinon_is_told_so(tmp_path: Path) -> None:
    done = imported(tmp_path)
    assert done.returncode == 2
    assert "there are no YAML files of Selinon in this folder" in done.stderr


def test_a_project_that_works_is_told_what_to_type_and_it_works(tmp_path: Path) -> None:
    done = imported(tmp_path, str(PROJECT), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["to_change"] == []
    script = "\n".join(found["commands"][:2])
    environ = {"PATH": f"{ASYNCFLOW.parent}:{os.environ['PATH']}", "SHOP_REDIS_PORT": "1", "SHOP_REDIS_DB": "1"}
    checked = subprocess.run(
        ["bash", "-ec", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "Checked 2 flows in 2 files" in checked.stderr
