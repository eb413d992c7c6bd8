"""What every reader needs while a configuration is read: the report, the environment, and who is called what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from string import Formatter

from asyncflow.config.arguments import Taken, taken_by
from asyncflow.config.fields import Fields
from asyncflow.config.report import Report, did_you_mean
from asyncflow.config.templates import Read
from asyncflow.errors import Place
from asyncflow.model.condition import BuiltIns, Function
from asyncflow.model.flow import Delay, Task, Wait
from asyncflow.model.names import NodeName


@dataclass(frozen=True, slots=True)
class Use:
    """A function that the configuration names, and where; `arguments` when it is a predicate."""

    function: Function
    place: Place
    what: str


@dataclass(slots=True, kw_only=True)
class Scope:
    """Names are declared before anything refers to them, so that one mistake is one problem."""

    report: Report
    environ: Mapping[str, str]
    builtins: BuiltIns
    selinon_builtins: BuiltIns | None = None
    predicates_module: str | None = None
    compat_predicates: str | None = None
    default_task_queue: str = "celery"
    default_flow_queue: str = "celery"
    default_envelope: str = "asyncflow"
    tasks: dict[str, Place] = field(default_factory=dict)
    flows: dict[str, Place] = field(default_factory=dict)
    storages: dict[str, Place] = field(default_factory=dict)
    schedules: dict[str, Place] = field(default_factory=dict)
    made_tasks: dict[NodeName, Task] = field(default_factory=dict)
    made_waits: dict[NodeName, Wait | Delay] = field(default_factory=dict)
    task_reads: dict[str, tuple[Read, ...]] = field(default_factory=dict)
    """What the templates of plain Celery tasks and delays read."""
    redefined: frozenset[str] = frozenset()
    """Built-in predicates that the user's module defines anew; known only when it may be imported."""
    used_tasks: set[str] = field(default_factory=set)
    used_storages: set[str] = field(default_factory=set)
    uses: list[Use] = field(default_factory=list)
    _taken: dict[str, Taken] = field(default_factory=dict)
    _meant: dict[str, str] = field(default_factory=dict)

    def taken(self, predicate: Callable[..., bool]) -> Taken:
        """What a predicate takes; looking at signatures is slow, so once each."""
        name = predicate.__name__
        if name not in self._taken:
            self._taken[name] = taken_by(predicate)
        return self._taken[name]

    def is_node(self, name: str) -> bool:
        return name in self.tasks or name in self.flows

    def check_node(self, name: str, place: Place, code: str = "F304") -> bool:
        """Whether a node of that name exists; if not, it is reported."""
        if self.is_node(name):
            return True
        if name not in self._meant:
            meant = did_you_mean(name, [*self.tasks, *self.flows])
            self._meant[name] = meant or "declare it under `tasks`, or as a flow"
        message = f"no task or flow is named `{name}`"
        self.report.add(code, message, place, label="unknown node", hint=self._meant[name])
        return False

    def function(self, module: str, name: str, place: Place, what: str) -> Function:
        made = Function(module=module, name=name)
        self.uses.append(Use(made, place, what))
        return made

    def expanded(self, fields: Fields, key: str, default: str = "") -> str:
        """A text with each {NAME} replaced by that environment variable; {{ and }} stand for braces."""
        text = fields.get(key)
        return default if text is None else self.expand(text, fields.place(key))

    def expand(self, text: str, place: Place) -> str:
        if "{" not in text and "}" not in text:
            return text
        try:
            parts = list(Formatter().parse(text))
        except ValueError as error:
            self.report.add("F208", f"`{text}` has a stray brace: {error}", place, hint="write {{ and }} for braces")
            return text
        made = ""
        for literal, name, spec, conversion in parts:
            made += literal
            if name is None:
                continue
            if not name.isidentifier() or spec or conversion:
                hint = "only {NAME} is replaced; write {{ and }} for braces"
                self.report.add("F208", f"`{{{name}}}` is no environment variable", place, hint=hint)
            elif name in self.environ:
                made += self.environ[name]
            else:
                hint = did_you_mean(name, self.environ) or f"set {name}, or write {{{{ and }}}} for braces"
                self.report.add("F207", f"the environment variable `{name}` is not set", place, hint=hint)
        return made
