"""The README, to the letter: its commands, its programs, and what it shows of them."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.reader import Reader
from tests.servers import ROOT

BROKER = "amqp://guest:guest@127.0.0.1:5672//"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a reader has of the project, the examples, without what was left there by runs."""
    for name in ("tasks.py", "nodes.yaml", "flows.yaml"):
        (tmp_path / "examples" / "dinner").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "examples" / "dinner" / name, tmp_path / "examples" / "dinner")
    return tmp_path


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASYNCFLOW_CONFIG", "ASYNCFLOW_BROKER_URL", "ASYNCFLOW_STORE_URL"):
        monkeypatch.delenv(name, raising=False)


def python_of(section: str) -> str:
    found = re.search(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def marks(shown: str) -> list[str]:
    """What a run shows of its nodes: mark and name, in an order that no chance decides."""
    return sorted(re.findall(r"^ *([✓✗] \w+)", shown, re.MULTILINE))


@pytest.mark.timeout(120)
def test_the_embedded_part_works_as_written(checkout: Path) -> None:
    with Reader(checkout, "README.md", {}) as reader:
        commands = reader.indented("### Embedded")
        assert [command.split()[:2] for command in commands] == [
            ["cd", "examples/dinner"],
            ["asyncflow", "check"],
            ["asyncflow", "run"],
            ["asyncflow", "list"],
        ]
        listed = [reader.do(command) for command in commands][-1]
        (run,) = json.loads(reader.do("asyncflow list --json"))["runs"]
        shown = reader.do(f"asyncflow show {run['run_id']}")
        pictured = "\n".join(reader.indented("## Try it"))
        simulate, plot = reader.indented("## Documentation")
        simulated = reader.do(simulate)
        reader.do(plot)
        program = python_of(reader.section("## Documentation"))
        pending = reader.do(f"python - <<'END'\n{program}END")
    assert run["flow"] == "dinner"
    assert run["state"] == "succeeded"
    assert "dinner" in listed
    assert marks(shown) == marks(pictured)
    assert "✓ ServePie" in simulated
    assert sorted(ast.literal_eval(pending)) == ["BuyEggs", "BuyFlour", "BuyWine", "WriteCard"]
    assert sorted(path.name for path in (checkout / "examples/dinner/pictures").iterdir()) == [
        "dinner.svg",
        "shopping.svg",
    ]


@pytest.mark.timeout(120)
def test_the_part_with_rabbitmq_works_as_written(
    checkout: Path, vhost: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Reader(checkout, "README.md", {}, {BROKER: vhost}) as reader:
        commands = reader.indented("### With RabbitMQ")
        assert [command.split()[:2] for command in commands] == [
            ["cd", "examples/dinner"],
            ["export", "ASYNCFLOW_CONFIG=."],
            ["asyncflow", "serve"],
            ["asyncflow", "worker"],
            ["asyncflow", "run"],
            ["asyncflow", "start"],
            ["asyncflow", "list"],
        ]
        listed = [reader.do(command) for command in commands][-1]
        snippet = python_of(reader.section("### From Python"))
        program = compile(snippet, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        asyncio.run(eval(program, {}))
    assert listed.count("dinner") >= 2
    assert capsys.readouterr().out == "succeeded ['pizza for everybody']\n"
