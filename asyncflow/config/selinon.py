"""What behaves differently in flows that were written for Selinon 1.4, with the places in their YAML files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from asyncflow.config.report import Report
from asyncflow.config.tree import Series, Table
from asyncflow.config.yaml_text import read_text
from asyncflow.errors import Place
from asyncflow.model.names import Json

SECTIONS = frozenset({"tasks", "flows", "storages", "flow-definitions"})
"""A YAML file with one of these is Selinon's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    place: Place
    told: str


_OF_TASKS: Mapping[str, str] = MappingProxyType(
    {
        "storage_task_name": "results that were stored under this name could not be read; now they can",
        "throttling": "each process counted for itself, and several could start at once; now there is one clock for all",
        "max_retry": "workers with asyncflow's envelope do not hold retries back: each is a new attempt with a new task id",
    }
)
_OF_FLOWS: Mapping[str, str] = MappingProxyType(
    {
        "eager_failures": "it crashed without `failures`, and `true` was refused; now both work, and what has succeeded "
        "at the same time counts as finished",
        "node_args_from_first": "the result of a fallback of the first task was taken too, and a retried flow began with "
        "the replaced arguments; now only the first task's result counts, and a retried flow begins as it was started",
        "propagate_compound_finished": "ids of nested flows came in reversed order; now in the order of their starts, so "
        "that index -1 is the last one",
        "propagate_failures": "it did nothing; now the flow's fallback gets the ids of the tasks that failed in it",
        "propagate_compound_failures": "it did nothing; now the flow's fallback gets the ids of the tasks that failed",
        "propagate_parent_failures": "it did nothing; now sub-flows that are fallbacks get the ids of what failed",
        "sampling": "nothing polls any more: it is accepted, and means nothing",
        "throttling": "each process counted for itself; now there is one clock for all",
        "max_retry": "a retried flow begins with the arguments that it was started with",
    }
)
_OF_FAILURES: Mapping[str, str] = MappingProxyType(
    {"propagate_failure": "it did nothing; now the fallback runs, and the flow fails all the same"}
)
_OF_GLOBAL: Mapping[str, str] = MappingProxyType(
    {
        "predicates_module": "it replaced the built-in predicates; now it adds to them",
        "migration_dir": "flows are not migrated: let the runs of a flow end before you change its edges",
        "default_dispatcher_queue": "nothing is dispatched on workers: this queue is of no use any more",
    }
)
_OF_PREDICATES: Mapping[str, str] = MappingProxyType(
    {
        "empty": "Selinon's `empty` meant NOT empty",
        "argsEmpty": "Selinon's `argsEmpty` meant NOT empty",
        "fieldLenGreaterEqual": "Selinon's `fieldLenGreaterEqual` meant AT MOST so long",
        "argsFieldLenGreaterEqual": "Selinon's `argsFieldLenGreaterEqual` meant AT MOST so long",
        "fieldLenLessEqual": "Selinon could not use `fieldLenLessEqual`",
        "argsFieldLenLessEqual": "Selinon could not use `argsFieldLenLessEqual`",
        "httpStatus": "it waited without a time limit; now no answer within 5 seconds (its `timeout`) is false",
    }
)
_MEANS_WHAT_IT_SAYS = (
    "now it means what it says (`compat_predicates: selinon-1.4` under `global` brings the old meaning)"
)


def differences(sources: Mapping[str, str]) -> list[Difference]:
    """Of YAML texts by file name, in the order of their places. What is no YAML is passed over: `check` tells of that."""
    documents = [read_text(file, text, Report()) for file, text in sources.items()]
    tables = [document for document in documents if isinstance(document, Table)]
    sections = [one for table in tables for one in _tables(table, "global")]
    is_compatible = any("compat_predicates" in section for section in sections)
    found = [each for table in tables for each in _in_file(table, is_compatible=is_compatible)]
    return sorted(found, key=lambda one: (one.place.file, one.place.line, one.place.column))


def is_selinons(text: str) -> bool:
    document = read_text("", text, Report())
    return isinstance(document, Table) and not SECTIONS.isdisjoint(document)


def _in_file(file: Table, *, is_compatible: bool) -> Iterator[Difference]:
    for section in _tables(file, "global"):
        yield from _keys(section, _OF_GLOBAL)
    for task in _tables(file, "tasks"):
        yield from _keys(task, _OF_TASKS)
    for flow in _tables(file, "flow-definitions"):
        yield from _keys(flow, _OF_FLOWS)
        yield from _in_flow(flow)
        yield from _conditions(flow, is_compatible=is_compatible)


def _in_flow(flow: Table) -> Iterator[Difference]:
    failures = list(_tables(flow, "failures"))
    if failures:
        told = "fallbacks got no parents; now `parent` has the ids of what failed, and its exceptions can be read"
        yield Difference(place=flow.key_place("failures"), told=told)
    for failure in failures:
        yield from _keys(failure, _OF_FAILURES)
        if failure.get("fallback") is True:
            told = "`fallback: true` could not be loaded; now it handles the failure by doing nothing"
            yield Difference(place=failure.place_at("fallback"), told=told)
    edges = list(_tables(flow, "edges"))
    left_alone = set(_names(flow.get("nowait")))
    if left_alone and failures:
        told = "a fallback in `nowait` ended the search for other fallbacks; now it does not"
        yield Difference(place=flow.key_place("nowait"), told=told)
    elif left_alone and left_alone.issuperset(name for edge in edges for name in _names(edge.get("to"))):
        told = "a flow with nothing but `nowait` nodes could run twice; now it runs once"
        yield Difference(place=flow.key_place("nowait"), told=told)
    for edge in edges:
        if "selective" in edge:
            told = (
                "the selection was made when the edge fired; now a task that cannot be reached is an error of `check`"
            )
            yield Difference(place=edge.key_place("selective"), told=told)


def _conditions(within: Json, *, is_compatible: bool) -> Iterator[Difference]:
    """Of predicates that mean something else, wherever they stand in a flow."""
    if isinstance(within, Series):
        for member in within:
            yield from _conditions(member, is_compatible=is_compatible)
    if not isinstance(within, Table):
        return
    name = within.get("name")
    if isinstance(name, str) and name in _OF_PREDICATES and "edges" not in within:
        told = _OF_PREDICATES[name]
        if "Selinon" in told and not is_compatible:
            told = f"{told}; {_MEANS_WHAT_IT_SAYS}"
        if "Selinon" not in told or not is_compatible:
            yield Difference(place=within.place_at("name"), told=told)
    for member in within.values():
        yield from _conditions(member, is_compatible=is_compatible)


def _keys(table: Table, told: Mapping[str, str]) -> Iterator[Difference]:
    for key, words in told.items():
        if key in table:
            yield Difference(place=table.key_place(key), told=f"`{key}`: {words}")


def _names(member: Json) -> Iterator[str]:
    for each in member if isinstance(member, Series) else (member,):
        if isinstance(each, str):
            yield each


def _tables(parent: Table, key: str) -> Iterator[Table]:
    """The tables that a member holds, or is."""
    member = parent.get(key)
    for each in member if isinstance(member, Series) else (member,):
        if isinstance(each, Table):
            yield each
