"""YAML text to tables and series, with the place of everything.

The C parser's events are built into values here and not by PyYAML: marks of each key and value are
kept, keys given twice are seen, aliases are counted before they can multiply, nothing but JSON's types
comes out. The parser's events, not its node tree, because the tree costs four times as much.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from asyncflow.config.report import Report
from asyncflow.config.scalars import plain_value, tagged_value
from asyncflow.config.tree import Series, Span, Table, place_of
from asyncflow.errors import Place
from asyncflow.model.names import Json

MOST_DEEP = 100
MOST_FROM_ALIASES = 100_000


class _RefusedError(Exception):
    """The file cannot be read any further; the problem is in the report."""


class _Merge:
    """Stands for the key `<<` until its table is complete."""


def read_text(file: str, text: str, report: Report) -> Json:
    """The values of a YAML text; None where it is empty or was refused, with the reason in the report."""
    try:
        return _Builder(file, text, report).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if "nesting depth" in (error.problem or ""):  # libyaml looks ahead: newer versions refuse it themselves
            report.add("F106", f"nested more than {MOST_DEEP} deep", _mark_place(file, mark))
            return None
        report.add("F103", _syntax_words(error, text), _mark_place(file, mark), hint=_syntax_hint(error, text))
    except yaml.reader.ReaderError as error:
        report.add(
            "F103", f"a character that YAML does not allow: {_character(error)}", _reader_place(file, text, error)
        )
    except _RefusedError:
        pass
    return None


class _Builder:
    def __init__(self, file: str, text: str, report: Report) -> None:
        self._file = file
        self._report = report
        self._next: Callable[[], Any] = yaml.CSafeLoader(text).get_event
        self._anchors: dict[str, tuple[Json, int]] = {}
        self._open: set[str] = set()
        self._from_aliases = 0
        self._depth = 0

    def document(self) -> Json:
        value: Json = None
        documents = 0
        while not isinstance(event := self._next(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    place = self._place(_span(event))
                    hint = "put each into a file of its own"
                    self._report.add("F113", "a second YAML document in the same file", place, hint=hint)
                    raise _RefusedError
                value, _, _ = self._value(self._next())
        return value

    def _value(self, event: Any) -> tuple[Json, Span, int]:
        """A value, its span, and how many values it holds once its aliases are written out."""
        if type(event) is yaml.ScalarEvent:
            return self._scalar(event)
        if type(event) is yaml.AliasEvent:
            return self._alias(event)
        self._depth += 1
        if self._depth > MOST_DEEP:
            self._refuse("F106", f"nested more than {MOST_DEEP} deep", event)
        if event.anchor:
            self._open.add(event.anchor)
        container: Table | Series
        if type(event) is yaml.MappingStartEvent:
            self._check_tag(event, "map")
            container, size = self._table(event)
        else:
            self._check_tag(event, "seq")
            container, size = self._series(event)
        self._depth -= 1
        if event.anchor:
            self._open.discard(event.anchor)
            self._anchors[event.anchor] = (container, size)
        return container, container.span, size

    def _scalar(self, event: Any) -> tuple[Json, Span, int]:
        span = _span(event)
        text: str = event.value
        value: Json = text
        if event.tag is None or event.tag == "!":
            if event.implicit[0]:
                value, code = plain_value(text)
                if code:
                    self._trap(code, text, value, span)
        else:
            try:
                value = tagged_value(event.tag, text)
            except ValueError:
                self._report.add("F107", f"the tag `{_short(event.tag)}` is not supported here", self._place(span))
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        return value, span, 1

    def _alias(self, event: Any) -> tuple[Json, Span, int]:
        name = event.anchor
        if name in self._open:
            self._refuse("F106", f"the alias `*{name}` stands inside its own anchor", event)
        if name not in self._anchors:
            self._refuse("F103", f"the alias `*{name}` has no anchor `&{name}` before it", event)
        value, size = self._anchors[name]
        self._from_aliases += size
        if self._from_aliases > MOST_FROM_ALIASES:
            self._refuse("F105", f"aliases multiply to more than {MOST_FROM_ALIASES:,} values", event)
        return value, _span(event), size

    def _table(self, start: Any) -> tuple[Table, int]:
        table = Table(self._file, _span(start))
        merges: list[tuple[Json, Span]] = []
        size = 1
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key = self._key(event)
            value, span, inner = self._value(self._next())
            size += inner
            if key is _Merge:
                merges.append((value, span))
            elif isinstance(key, str):
                if key in table:
                    self._report_twice(table, key, _span(event))
                table[key] = value
                table.spans[key] = (*_span(event), *span)
        table.span = _whole(start, event, next((spans[:4] for spans in table.spans.values()), None))
        for value, span in merges:
            self._merge(table, value, span)
        return table, size

    def _key(self, event: Any) -> str | type[_Merge] | None:
        """A key is text as written: `on`, `1` and `null` too."""
        if type(event) is yaml.AliasEvent:
            aliased, _ = self._anchors.get(event.anchor or "", (None, 0))
            if isinstance(aliased, str):
                return aliased
        if type(event) is not yaml.ScalarEvent:
            self._report.add("F108", "a key must be text", self._place(_span(event)))
            self._value(event)
            return None
        if event.anchor:
            self._anchors[event.anchor] = (event.value, 1)
        return _Merge if event.value == "<<" and event.implicit[0] else str(event.value)

    def _merge(self, table: Table, value: Json, span: Span) -> None:
        """What `<<` names fills in what the table does not say itself; of several the first wins."""
        for source in value if isinstance(value, Series) else (value,):
            if not isinstance(source, Table):
                self._report.add("F114", "`<<` takes a table or a list of tables", self._place(span))
                continue
            for key, inner in source.items():
                if key not in table:
                    table.put(key, inner, source.spans[key])

    def _series(self, start: Any) -> tuple[Series, int]:
        series = Series(self._file, _span(start))
        size = 1
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            value, span, inner = self._value(event)
            size += inner
            series.put(value, span)
        series.span = _whole(start, event, series.spans[0] if series.spans else None)
        return series, size

    def _check_tag(self, event: Any, kind: str) -> None:
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{kind}"):
            self._report.add("F107", f"the tag `{_short(event.tag)}` is not supported", self._place(_span(event)))

    def _trap(self, code: str, text: str, value: Json, span: Span) -> None:
        message, hint = {
            "F109": (f"`{text}` is not a number that JSON knows", "write a finite number, or quote it to keep text"),
            "F120": (f"`{text}` is read as {str(value).lower()}", f"write {str(value).lower()}, or '{text}' for text"),
            "F121": (f"`{text}` is read as text, not as a number", f"write '{text}' for text, or a plain number"),
            "F122": (f"`{text}` is read as text, not as a date", f"write '{text}'"),
        }[code]
        self._report.add(code, message, self._place(span), hint=hint)

    def _report_twice(self, table: Table, key: str, span: Span) -> None:
        first = table.key_place(key)
        message = f"the key `{key}` is given twice"
        related = (first, f"`{key}` first given here")
        self._report.contrast("F104", message, self._place(span), hint="remove one of the two", related=related)

    def _refuse(self, code: str, message: str, event: Any) -> None:
        self._report.add(code, message, self._place(_span(event)))
        raise _RefusedError

    def _place(self, span: Span) -> Place:
        return place_of(self._file, span)


def _span(event: Any) -> Span:
    start, end = event.start_mark, event.end_mark
    return (start.line, start.column, end.line, end.column)


def _whole(start: Any, end: Any, first: Span | None) -> Span:
    """From bracket to bracket; in block style the first member, for such a block has no end of its own."""
    if start.flow_style or first is None:
        return (start.start_mark.line, start.start_mark.column, end.end_mark.line, end.end_mark.column)
    return first


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _syntax_words(error: yaml.MarkedYAMLError, text: str) -> str:
    if _has_tab(error, text):
        return "a tab where YAML wants spaces"
    return f"not YAML: {error.problem or error.context}"


def _syntax_hint(error: yaml.MarkedYAMLError, text: str) -> str:
    if _has_tab(error, text):
        return "indent with spaces"
    return f"the parser was {error.context}" if error.problem and error.context else ""


def _has_tab(error: yaml.MarkedYAMLError, text: str) -> bool:
    mark = error.problem_mark
    lines = text.splitlines()
    return mark is not None and mark.line < len(lines) and lines[mark.line][mark.column : mark.column + 1] == "\t"


def _mark_place(file: str, mark: Any) -> Place | None:
    return None if mark is None else place_of(file, (mark.line, mark.column, mark.line, mark.column + 1))


def _character(error: yaml.reader.ReaderError) -> str:
    return f"U+{error.character:04X}" if isinstance(error.character, int) else repr(error.character)


def _reader_place(file: str, text: str, error: yaml.reader.ReaderError) -> Place:
    before = text.encode()[: error.position].decode(errors="ignore")
    line, column = before.count("\n"), len(before.rpartition("\n")[2])
    return place_of(file, (line, column, line, column + 1))
