"""Templates: JMESPaths and literals that build arguments from node args and results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError, LexerError
from jmespath.functions import Functions

from asyncflow.config.report import Report, did_you_mean
from asyncflow.config.tree import Series, Table, place_in
from asyncflow.errors import Place
from asyncflow.model.flow import Literal, Path, Record, Template
from asyncflow.model.names import Json, NodeName

_ROOTS = ("node_args", "results", "errors")
_FUNCTIONS = frozenset(Functions.FUNCTION_TABLE)


@dataclass(frozen=True, slots=True)
class Read:
    """A source that a template reads, and where it says so."""

    name: str
    place: Place


class TemplateReader:
    """Reads templates, and remembers which results they read."""

    def __init__(self, report: Report, *, has_item: bool = False) -> None:
        self._report = report
        self._roots = (*_ROOTS, "item") if has_item else _ROOTS
        self.reads: list[Read] = []

    def read(self, value: Json, place: Place) -> Template | None:
        """The template that a value stands for; None when it is none, which is reported."""
        if isinstance(value, str):
            return self._path(value, place)
        if isinstance(value, Table):
            return self._table(value)
        if isinstance(value, Series):
            hint = "write {value: [...]} for a literal list, or a JMESPath such as '[results.A, results.B]'"
            self._report.add("F320", "a list is no template", place, hint=hint)
            return None
        return Literal(value)

    def _table(self, table: Table) -> Template | None:
        if set(table) == {"value"}:
            return Literal(table["value"])
        if set(table) == {"from"} and isinstance(table["from"], str):
            return self._result_of(table["from"], table.place_at("from"))
        members: dict[str, Template] = {}
        for name, inner in table.items():
            template = self.read(inner, table.place_at(name))
            if template is not None:
                members[name] = template
        return Record(members)

    def _result_of(self, name: str, place: Place) -> Template:
        self.reads.append(Read(name, place))
        quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        source = f"results.{name}" if name.isidentifier() else f"results.{quoted}"
        search = jmespath.compile(f"results.{quoted}").search
        return Path(source=source, search=search, reads=frozenset({NodeName(name)}))

    def _path(self, source: str, place: Place) -> Template | None:
        try:
            parsed = jmespath.compile(source)
        except JMESPathError as error:
            at, words = _what_is_wrong(error, source)
            hint = f"write {{value: {source}}} for the text itself"
            self._report.add("F211", f"`{source}` is not a JMESPath: {words}", place_in(source, place, at), hint=hint)
            return None
        reads = _Reads()
        reads.visit(parsed.parsed)
        self._check(source, reads, place)
        self.reads += [Read(name, place) for name in sorted(reads.names)]
        names = None if reads.everything else frozenset(map(NodeName, reads.names))
        return Path(source=source, search=parsed.search, reads=names)

    def _check(self, source: str, reads: _Reads, place: Place) -> None:
        for name in sorted(reads.roots.difference(self._roots)):
            there_are = ", ".join(f"`{root}`" for root in self._roots[:-1]) + f" and `{self._roots[-1]}`"
            message = f"`{source}` reads `{name}`, but there are only {there_are}"
            hint = f"write node_args.{name}, or {{value: {source}}} for the text itself"
            self._report.add("F212", message, place, hint=hint)
        for name in sorted(reads.functions - _FUNCTIONS):
            message = f"`{source}` is not a JMESPath: there is no function `{name}`"
            self._report.add("F211", message, place, hint=did_you_mean(name, _FUNCTIONS))


class _Reads:
    """Which results a parsed JMESPath looks at, seen from the document's root."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.roots: set[str] = set()
        self.functions: set[str] = set()
        self.everything = False

    def visit(self, node: Any) -> None:
        steps = list(_chain(node))
        first = steps[0]
        match first["type"]:
            case "field":
                self._field(first["value"], steps[1] if len(steps) > 1 else None)
            case "current" | "identity":
                self.everything = True
            case "expref":  # its fields are those of the items that a function goes through
                pass
            case _:
                if first["type"] == "function_expression":
                    self.functions.add(first["value"])
                for child in first["children"]:
                    self.visit(child)

    def _field(self, name: str, then: Any) -> None:
        self.roots.add(name)
        if name != "results":
            return
        leaf = None if then is None else next(_chain(then))
        if leaf is not None and leaf["type"] == "field":
            self.names.add(leaf["value"])
        else:
            self.everything = True


_IN_TURN = {"subexpression", "index_expression", "pipe"}
_LEFT_ONLY = {"projection", "value_projection", "filter_projection", "flatten"}


def _chain(node: Any) -> Iterator[Any]:
    """The steps of a path. Only the first looks at the document's root, the others at what came before."""
    if node["type"] in _IN_TURN:
        yield from _chain(node["children"][0])
        yield from node["children"][1:]
    elif node["type"] in _LEFT_ONLY:
        yield from _chain(node["children"][0])
        yield {"type": "projected", "children": []}
    else:
        yield node


def _what_is_wrong(error: JMESPathError, source: str) -> tuple[int, str]:
    """Where, counted from 0, and what; the library's own words are about its tokens."""
    at = int(getattr(error, "lex_position", 0) or 0)
    if isinstance(error, LexerError):
        return at, str(error.message).lower()
    if at >= len(source):
        return at, "it ends too early"
    token = getattr(error, "token_value", None)
    return at, f"`{token}` is not expected here" if token is not None else str(error).splitlines()[0]
