"""Loading: files to one configuration, with every problem of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from asyncflow.config.checks import check_configuration
from asyncflow.config.files import read_files
from asyncflow.config.flows import Draft, ReadFlow, read_draft, read_flow
from asyncflow.config.functions import Importer, redefined_by
from asyncflow.config.gathering import Parts, declare, gather
from asyncflow.config.globals import read_global, read_traces
from asyncflow.config.report import Report
from asyncflow.config.schedules import read_schedule
from asyncflow.config.scope import Scope
from asyncflow.config.storages import read_storage
from asyncflow.config.tasks import read_task
from asyncflow.config.tree import Table, place_of_file
from asyncflow.config.waits import read_delay, read_wait
from asyncflow.config.yaml_text import read_text
from asyncflow.errors import ConfigurationError, Problem, Severity
from asyncflow.model.condition import BuiltIns
from asyncflow.model.flow import Configuration, Delay, Wait
from asyncflow.model.names import FlowName, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration without errors. `sources` holds the texts, for messages that show lines."""

    configuration: Configuration
    warnings: tuple[Problem, ...]
    sources: Mapping[str, str]
    compat_predicates: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Everything found in one pass; `loaded` is None when there are errors."""

    loaded: Loaded | None
    problems: tuple[Problem, ...]
    sources: Mapping[str, str]

    def or_raise(self) -> Loaded:
        if self.loaded is None:
            raise ConfigurationError(self.problems, self.sources)
        return self.loaded


def load(
    paths: Sequence[Path | str],
    *,
    builtins: BuiltIns,
    environ: Mapping[str, str],
    selinon_builtins: BuiltIns | None = None,
    importer: Importer | None = None,
) -> Loaded:
    """For running: as `check`, but raises ConfigurationError with all problems when there are errors among them.

    With an `importer` only the `predicates_module` is imported, to see which built-in predicates it redefines.
    """
    report = Report()
    sources = read_files(paths, report)
    scope = Scope(report=report, environ=environ, builtins=builtins, selinon_builtins=selinon_builtins)
    return _Loader(scope, importer).check(sources).or_raise()


def check(
    paths: Sequence[Path | str],
    *,
    builtins: BuiltIns,
    environ: Mapping[str, str],
    selinon_builtins: BuiltIns | None = None,
    importer: Importer | None = None,
) -> Checked:
    """Read files, and folders with all their YAML files.

    `selinon_builtins` are used where the configuration asks for `compat_predicates: selinon-1.4`. With an
    `importer`, such as importlib.import_module, the functions and classes that the configuration names are
    tried; without one no user code is ever imported.
    """
    report = Report()
    sources = read_files(paths, report)
    scope = Scope(report=report, environ=environ, builtins=builtins, selinon_builtins=selinon_builtins)
    return _Loader(scope, importer, tries_everything=True).check(sources)


def load_mapping(
    mapping: Mapping[str, Json] | Sequence[Mapping[str, Json]],
    *,
    builtins: BuiltIns,
    environ: Mapping[str, str],
    selinon_builtins: BuiltIns | None = None,
    importer: Importer | None = None,
) -> Loaded:
    """Read a configuration, or the parts of one, made in Python.

    Each mapping is written out as JSON, which is YAML, so that its problems have places like those of a file.
    """
    mappings = [mapping] if isinstance(mapping, Mapping) else list(mapping)
    report = Report()
    sources: dict[str, str] = {}
    for number, each in enumerate(mappings, 1):
        name = "<mapping>" if len(mappings) == 1 else f"<mapping {number}>"
        try:
            sources[name] = _written(each)
        except TypeError as error:
            report.add("F116", f"{name} holds more than JSON can say: {error}", place_of_file(name))
    scope = Scope(report=report, environ=environ, builtins=builtins, selinon_builtins=selinon_builtins)
    return _Loader(scope, importer).check(sources).or_raise()


def _written(mapping: Mapping[str, Json]) -> str:
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    text = orjson.dumps(mapping, default=_as_json, option=options).decode()
    return text.translate(_UNPRINTABLE)  # JSON takes some characters as they are that YAML does not


_UNPRINTABLE = {code: f"\\u{code:04x}" for code in (0x7F, *range(0x80, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF)}


def _as_json(value: object) -> Json:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return list(value)
    raise TypeError(f"{type(value).__name__} {value!r}")


_UNREAD = frozenset({"F101", "F102"})
_NEEDS_ALL_FILES = frozenset({"F206", "F217", "F218", "F222", "F301", "F302", "F304", "F307", "F501", "F801"})
"""What is said of names that nothing declares, and of what nothing names."""


class _Loader:
    def __init__(self, scope: Scope, importer: Importer | None, *, tries_everything: bool = False) -> None:
        self._scope = scope
        self._report = scope.report
        self._importer = importer
        self._tries_everything = tries_everything

    def check(self, sources: Mapping[str, str]) -> Checked:
        values = {file: self._value(file, text) for file, text in sources.items()}
        parts = gather({file: value for file, value in values.items() if value is not None}, self._report)
        configuration = self._configuration(parts)
        problems = self._report.sorted(without=_NEEDS_ALL_FILES if self._is_incomplete(values) else frozenset())
        loaded = None
        if configuration is not None and not self._report.has_errors:
            loaded = Loaded(
                configuration=configuration,
                warnings=tuple(each for each in problems if each.severity is Severity.WARNING),
                sources=sources,
                compat_predicates=self._scope.compat_predicates,
            )
        return Checked(loaded=loaded, problems=problems, sources=sources)

    def _is_incomplete(self, values: Mapping[str, Json]) -> bool:
        """Whether some file could not be read, so that what seems unknown may stand there."""
        return None in values.values() or any(problem.code in _UNREAD for problem in self._report.problems)

    def _value(self, file: str, text: str) -> Json:
        before = len(self._report.problems)
        value = read_text(file, text, self._report)
        if value is None and not self._report.has_errors_since(before):
            self._report.add("F111", "the file is empty", place_of_file(file))
        return value

    def _configuration(self, parts: Parts) -> Configuration | None:
        scope = self._scope
        table = parts.globals[0] if parts.globals else Table("", (0, 0, 0, 0))
        fields = read_global(table, scope)
        if self._importer is not None and scope.predicates_module is not None:
            scope.redefined = redefined_by(scope.predicates_module, scope.builtins, self._importer)
        declare(parts, scope)
        if not scope.tasks and not self._report.has_errors:
            self._report.add("F222", "no tasks are defined", None, hint="list them under `tasks`")
        storages = [storage for table in parts.storages if (storage := read_storage(table, scope)) is not None]
        traces = read_traces(fields, scope)
        for table in parts.tasks:
            read = read_wait if "wait" in table else read_delay if "delay" in table else read_task
            read(table, scope)
        flows = self._flows(parts)
        made = {name: read.flow for name, read in flows.items()}
        schedules = [one for table in parts.schedules if (one := read_schedule(table, made, scope)) is not None]
        check_configuration(flows, scope, self._importer if self._tries_everything else None)
        if self._report.has_errors:
            return None
        return Configuration(
            tasks=dict(scope.made_tasks),
            flows=made,
            schedules={schedule.name: schedule for schedule in schedules},
            waits={name: node for name, node in scope.made_waits.items() if isinstance(node, Wait)},
            delays={name: node for name, node in scope.made_waits.items() if isinstance(node, Delay)},
            storages={storage.name: storage for storage in storages},
            traces=traces,
            celery_app=fields.get("celery_app"),
            migration_dir=scope.expanded(fields, "migration_dir") or None,
        )

    def _flows(self, parts: Parts) -> dict[FlowName, ReadFlow]:
        drafts: dict[FlowName, Draft] = {}
        for table in parts.flows:
            draft = read_draft(table, self._scope)
            if draft is not None:
                drafts.setdefault(draft.name, draft)
        read = {name: read_flow(draft, drafts, self._scope) for name, draft in drafts.items()}
        return {name: flow for name, flow in read.items() if flow is not None}
