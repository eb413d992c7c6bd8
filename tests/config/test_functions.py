"""Functions that a configuration names are imported only when that is asked for."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from asyncflow.config import Checked
from asyncflow.model.condition import Function
from tests.config.reading import codes, read_yaml

TEXT = """
tasks:
  - {name: A, import: kitchen_code}
  - {name: B, import: kitchen_code, classname: Nothing}
  - {name: C, celery_task: never.imported}
global: {predicates_module: kitchen_code, trace: [function: {import: kitchen_code, name: NUMBER}]}
flow-definitions:
  - name: f
    edges:
      - {from: , to: A, condition: {name: is_open}}
      - {from: A, to: B, foreach: {function: gests, import: kitchen_code}}
      - {from: A, to: C, foreach: {function: guests, import: kitchen_missing}}
      - {from: B, to: C, condition: {and: [{name: alwaysTrue}, {name: isNone}, {name: isDict}]}}
"""
CODE = """
from asyncflow.predicates import BUILT_INS
isDict = BUILT_INS.pure["isDict"]
NUMBER = 3
class A: ...
def guests(pool, node_args): ...
def is_open(): return True
def isNone(message): return False
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "kitchen_code.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("kitchen_code", None)


def last_condition(checked: Checked):
    return checked.loaded.configuration.flows["f"].edges[3].condition


def test_nothing_is_imported_unless_asked(project: Path) -> None:
    checked = read_yaml(project, TEXT)
    assert codes(checked) == []
    assert "kitchen_code" not in sys.modules
    assert last_condition(checked).parts[1].call is not None


def test_what_cannot_be_imported_is_a_warning_with_its_place(project: Path) -> None:
    checked = read_yaml(project, TEXT, importer=import_module)
    found = [(problem.code, problem.place.line, problem.message, problem.hint) for problem in checked.problems]
    assert found == [
        ("F702", 4, "task `B`: the module `kitchen_code` has no `Nothing`", found[0][3]),
        ("F703", 6, "trace function: `kitchen_code.NUMBER` cannot be called", ""),
        ("F702", 11, "foreach function: the module `kitchen_code` has no `gests`", "did you mean `guests`?"),
        (
            "F701",
            12,
            (
                "foreach function: the module `kitchen_missing` cannot be imported: "
                "ModuleNotFoundError: No module named 'kitchen_missing'"
            ),
            "is it installed here, and its folder on PYTHONPATH?",
        ),
    ]
    assert checked.loaded is not None


def test_a_built_in_predicate_that_the_users_module_defines_anew_is_the_users(project: Path) -> None:
    always, redefined, imported = last_condition(read_yaml(project, TEXT, importer=import_module)).parts
    assert always.call is not None
    assert (redefined.call, redefined.function) == (None, Function(module="kitchen_code", name="isNone"))
    assert imported.call is not None


def test_user_code_that_fails_on_import_is_a_warning(project: Path) -> None:
    (project / "kitchen_code.py").write_text("1 / 0\n")
    checked = read_yaml(project, TEXT, importer=import_module)
    assert set(codes(checked)) == {"F701"}
    assert "ZeroDivisionError: division by zero" in checked.problems[0].message
