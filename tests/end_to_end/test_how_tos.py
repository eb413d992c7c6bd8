"""Every command of docs/*.md is run as written, here or where `ELSEWHERE` says, but for those that say why they are not."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import shlex
import urllib.request
from pathlib import Path

import click
import pytest

import asyncflow
from asyncflow.cli import asyncflow as cli
from asyncflow.testing import Simulation
from tests.reader import Reader
from tests.servers import ROOT, free_port, wait_until
from tests.storage_servers import PostgresServer

DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))

ELSEWHERE = {
    "quickstart.md": "tests/end_to_end/test_quickstart.py",
    "from-selinon.md": "tests/selinon/test_guides.py",
    "from-canvas.md": "tests/selinon/test_guides.py",
}
"""Pages that are followed from their beginning to their end."""
EMBEDDED = "tests/tracing/test_pages.py"

NOT_RUN = {
    "pip install 'asyncflow-dispatcher[metrics]'": "tests install nothing; `make dev` has installed all extras",
    "pip install 'asyncflow-dispatcher[otel]' opentelemetry-exporter-otlp-proto-http": "as above",
    "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 asyncflow serve -c dinner.yaml": (
        "needs a collector; tests/tracing/test_spans.py has the spans exported in the process"
    ),
    """rabbitmqadmin declare queue name=asyncflow.0 durable=true arguments='{"x-queue-type": "classic"}'""": (
        "needs RabbitMQ's management plugin; tests/end_to_end/test_doctor.py meets classic queues"
    ),
}
MAIL = """

@app.task(name="mail.ask")
def ask():
    return "asked"


@app.task(name="site.publish")
def publish(by):
    return f"published for {by}"
"""
SCHEMA = {"type": "object", "required": ["by"]}
BROKER, PAGE = "amqp://guest:guest@127.0.0.1:5672//", "127.0.0.1:8321"


def commands_of(page: str) -> list[str]:
    """The lines of a page's shell blocks."""
    text = re.sub(r"\\\n\s+", "", (DOCS / page).read_text())
    console = [
        line
        for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    prompted = [line.removeprefix("$ ") for line in console if line.startswith("$ ")]
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4}((?:asyncflow|curl|export|pip|rabbitmqadmin) .*)$", outside, re.MULTILINE)
    return [re.sub(r"\s+# .*", "", command) for command in [*prompted, *indented]]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


class Followed:
    """What was run of each page, with what stands for a broker, a page and a run."""

    def __init__(self, reader: Reader, vhost: str) -> None:
        self.reader = reader
        self.page = f"127.0.0.1:{free_port()}"
        self.metrics = str(free_port())
        self.instead = {BROKER: vhost, "amqp://localhost": vhost, "$ASYNCFLOW_BROKER_URL": vhost, PAGE: self.page}
        self.instead |= {"9464": self.metrics}
        self.left = {page: commands_of(page) for page in PAGES if page not in ELSEWHERE}

    def do(self, page: str, beginning: str, **more: str) -> str:
        """Run the next command of a page that begins so."""
        command = next(one for one in self.left[page] if one.startswith(beginning))
        self.left[page].remove(command)
        for written, read in (self.instead | more).items():
            command = command.replace(written, read)
        return self.reader.do(command)


def write_files(folder: Path) -> None:
    for page in ("tasks.md",):
        text = (DOCS / page).read_text()
        for name, content in re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", text, re.DOTALL):
            (folder / name).write_text(content)
    (folder / "eggs.json").write_text(blocks("tasks.md", "json")[0])
    (folder / "kitchen.py").write_text((folder / "kitchen.py").read_text() + MAIL)
    (folder / "release.yaml").write_text(
        blocks("signals.md", "yaml")[0].replace("delay: 10m", "delay: 0s") + "flows: [release]\n"
    )
    (folder / "approval.json").write_text(json.dumps(SCHEMA))
    (folder / "signed.json").write_text('{"by": "Ada", "verdict": "no"}')
    schedules = blocks("schedules.md", "yaml")[0]
    (folder / "schedules.yaml").write_text(schedules.replace("report", "dinner").replace("collect", "dinner"))


@pytest.mark.timeout(240)
def test_the_how_tos_work_as_written(tmp_path: Path, vhost: str) -> None:
    write_files(tmp_path)
    with Reader(tmp_path, "docs/tasks.md", {}) as reader:
        all = Followed(reader, vhost)
        _tasks(all)
        reader.environ["ASYNCFLOW_CONFIG"] = "."
        all.do("http.md", "asyncflow serve")
        told = json.loads(all.do("http.md", "curl"))
        assert len(told["run_ids"]) == 2
        _signals(all, vhost)
        assert "weekdays" in all.do("schedules.md", "asyncflow schedules -c")
        assert "done until" in all.do("schedules.md", "asyncflow schedules --broker")
        reader.stop("asyncflow serve")
        all.do("tracing.md", "asyncflow serve -c dinner.yaml --metrics-port")
        assert "asyncflow_" in all.do("tracing.md", "curl")
        reader.stop("asyncflow serve")
        del reader.environ["ASYNCFLOW_BROKER_URL"]
        all.do("http.md", "asyncflow dev")
    left = {command for commands in all.left.values() for command in commands}
    pages = (ROOT / EMBEDDED).read_text()
    embedded = {one for one in left if re.match(r"asyncflow (run|check) .*dinner\.yaml|cat dinner\.trace", one)}
    assert "(TASKS, 3), (TRACING, 1)" in pages, f"{EMBEDDED} runs {sorted(embedded)}"
    assert left - embedded - set(several()) == set(NOT_RUN)


def _tasks(all: Followed) -> None:
    all.do("tasks.md", "export")
    all.do("tasks.md", "asyncflow serve")
    all.do("tasks.md", "celery")
    all.do("tasks.md", "asyncflow start")
    all.reader.stop("asyncflow serve")


def _signals(all: Followed, vhost: str) -> None:
    reader = all.reader

    def begin() -> str:
        return reader.do("asyncflow start release").strip()

    def ended(run: str) -> str:
        return str(json.loads(reader.do(f"asyncflow watch {run} --json || true"))["state"])

    run = begin()
    all.do("signals.md", "asyncflow signal", RUN=run)
    assert ended(run) == "succeeded"
    run = begin()
    all.do("signals.md", "asyncflow signal", RUN=run)
    run = begin()
    assert '"signal":' in all.do("signals.md", "curl", RUN=run)
    assert ended(run) == "succeeded"
    asked, kombu, _ = blocks("signals.md", "python")
    run = begin()
    exec(kombu.replace(BROKER, vhost), {"run_id": run})
    assert ended(run) == "succeeded"

    async def in_python() -> None:
        async with asyncflow.connect(vhost) as client:
            await eval(
                compile(asked, "signals.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT),
                {"client": client, "run_id": begin()},
            )

    asyncio.run(in_python())


def test_the_simulation_of_a_signal_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nodes.yaml").write_text(blocks("signals.md", "yaml")[0])
    (tmp_path / "flows.yaml").write_text("flows: [release]\n")
    (tmp_path / "approval.json").write_text(json.dumps(SCHEMA))
    exec(blocks("signals.md", "python")[2], {"Simulation": Simulation})


def several() -> list[str]:
    return commands_of("several.md")


@pytest.mark.timeout(180)
def test_several_dispatchers_share_a_store_as_written(tmp_path: Path, vhost: str, postgresql: PostgresServer) -> None:
    (tmp_path / "flows").mkdir()
    write_files(tmp_path / "flows")
    database = postgresql.add_database()
    with Reader(tmp_path, "docs/several.md", {"ASYNCFLOW_PARTITIONS": "2"}) as reader:
        for command in several():
            mine = command.replace("postgresql://asyncflow@db/asyncflow", database).replace("amqp://broker//", vhost)
            reader.do(mine)
        page = f"127.0.0.1:{free_port()}"
        reader.do(f"{mine} --http {page}")

        def shared() -> bool:
            try:
                with urllib.request.urlopen(f"http://{page}/api/overview") as answer:
                    held = json.load(answer)["overview"]["dispatchers"]
            except OSError:  # it does not listen yet
                return False
            return [len(one["partitions"]) for one in held] == [1, 1]

        wait_until(shared, "two dispatchers with a partition each", seconds=60)


@pytest.mark.parametrize("page", ["../README.md", *PAGES])
def test_commands_within_a_text_are_there_with_their_options(page: str) -> None:
    text = re.sub(r"^```.*?^```$", "", (DOCS / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    for written in re.findall(r"`(asyncflow [a-z][^`]*)`", " ".join(text.split())):
        words = shlex.split(written)[1:]
        command: click.Command = cli
        context = click.Context(cli)
        while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z-]+", words[0]):
            found = command.get_command(context, words[0])
            assert found is not None, f"{page}: {written}"
            command, words = found, words[1:]
        options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
        for word in words:
            if word.startswith("-"):
                assert word.partition("=")[0] in options, f"{page}: {written}"
