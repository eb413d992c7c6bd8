"""The files of a new project: a demonstration, or what a Celery app has."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from celery import Celery

from asyncflow import config
from asyncflow.app.standalone import load_celery_app
from asyncflow.errors import RequestError

SCHEMA_FILE = "asyncflow.schema.json"
_SCHEMA_LINE = f"# yaml-language-server: $schema=./{SCHEMA_FILE}\n"
_PACKAGE = Path(__file__).parents[1]
_DEMOS = (_PACKAGE / "cli" / "demo", _PACKAGE.parent / "examples" / "dinner")
"""In a wheel, and in a checkout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Called:
    """A registered task: the node that stands for it, its queue and what it cannot be called without."""

    node: str
    name: str
    queue: str
    required: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """File name -> text, and how to try it: a flow, and node args for it."""

    files: Mapping[str, str]
    flow: str
    node_args: str
    tasks: int = 0


def demonstration() -> Project:
    """Dinner: plain and flow tasks, a fan-out, a join, a sub-flow, a fallback."""
    folder = next(folder for folder in _DEMOS if folder.is_dir())
    texts = {name: (folder / name).read_text("utf-8") for name in ("tasks.py", "nodes.yaml", "flows.yaml")}
    return Project(files=_with_schema(texts), flow="dinner", node_args='{"guests": 4}')


def project_of(celery_app: str) -> Project:
    """The tasks that a Celery app has registered, and a first flow. Raises RequestError."""
    sys.path.insert(0, str(Path.cwd()))
    app = load_celery_app(celery_app)
    assert app is not None, "a name is given"
    tasks = _registered(app)
    if not tasks:
        raise RequestError(f"{celery_app!r} has no tasks: does it include the modules that define them?")
    first = tasks[0]
    texts = {"nodes.yaml": _nodes_text(tasks, celery_app), "flows.yaml": _flows_text(tasks)}
    node_args = json.dumps(dict.fromkeys(first.required, "..."))
    return Project(files=_with_schema(texts), flow="first", node_args=node_args, tasks=len(tasks))


def write(project: Project, folder: Path, *, force: bool) -> list[Path]:
    """Write all of it, or nothing where a file is there already. Raises RequestError."""
    paths = {folder / name: text for name, text in project.files.items()}
    there = [str(path) for path in paths if path.exists()]
    if there and not force:
        raise RequestError(f"{', '.join(there)} is there already; give another folder, or --force to overwrite it")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in paths.items():
        path.write_text(text, "utf-8")
    return list(paths)


def _with_schema(texts: Mapping[str, str]) -> dict[str, str]:
    files = {name: f"{_SCHEMA_LINE}{text}" if name.endswith(".yaml") else text for name, text in texts.items()}
    return {**files, SCHEMA_FILE: json.dumps(config.schema(), indent=2) + "\n"}


def _registered(app: Celery) -> list[_Called]:
    app.loader.import_default_modules()
    app.finalize()
    names = sorted(name for name in app.tasks if not name.startswith(("celery.", "asyncflow.", "selinon.")))
    nodes = _node_names(names)
    return [
        _Called(node=nodes[name], name=name, queue=_queue(app, name), required=_required(app.tasks[name].run))
        for name in names
    ]


def _node_names(names: Iterable[str]) -> dict[str, str]:
    """proj.tasks.send_mail is SendMail, or TasksSendMail where another module has one too."""
    found: dict[str, str] = {}
    for name in names:
        parts, node = name.split("."), ""
        for length in range(1, len(parts) + 1):
            node = "".join(word[:1].upper() + word[1:] for part in parts[-length:] for word in part.split("_"))
            if node not in found.values():
                break
        found[name] = node
    return found


def _queue(app: Celery, name: str) -> str:
    queue = app.amqp.router.route({}, name).get("queue")
    return str(getattr(queue, "name", queue) or app.conf.task_default_queue)


def _required(call: object) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(call).parameters.values()  # type: ignore[arg-type]  # a task's run
    except (TypeError, ValueError):
        return ()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return tuple(one.name for one in parameters if one.kind in kinds and one.default is inspect.Parameter.empty)


def _nodes_text(tasks: Sequence[_Called], celery_app: str) -> str:
    """JSON strings are YAML: names need no other quoting."""
    lines = ["# What there is: the tasks of the Celery app, and the names of the flows.", "tasks:"]
    for task in tasks:
        lines += [f"  - name: {json.dumps(task.node)}", f"    celery_task: {json.dumps(task.name)}"]
        lines.append(f"    queue: {json.dumps(task.queue)}")
        if task.required:
            given = ", ".join(f"{name}: node_args.{name}" for name in task.required)
            lines.append(f"    kwargs: {{{given}}}  # or results.TASK.FIELD, of a task before it")
        else:
            lines.append("    args: []")
    named = celery_app if ":" in celery_app else f"{celery_app}:app"
    lines += ["", "flows: [first]", "", "global:", f"  celery_app: {json.dumps(named)}", ""]
    return "\n".join(lines)


def _flows_text(tasks: Sequence[_Called]) -> str:
    first, *others = tasks
    schema = json.dumps({"type": "object", "required": list(first.required)})
    lines = [
        "# What happens when.",
        "flow-definitions:",
        "  - name: first",
        f"    node_args_schema: {schema}",
        "    edges:",
        f"      - {{from: [], to: {json.dumps(first.node)}}}",
    ]
    if others:
        lines.append(
            f"      # - {{from: {json.dumps(first.node)}, to: {json.dumps(others[0].node)}}}  # what follows it"
        )
    return "\n".join([*lines, ""])
