"""Plain values that know where they stand: tables and series are dicts and lists with the places of their members."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from asyncflow.errors import Place
from asyncflow.model.names import Json

Span: TypeAlias = tuple[int, int, int, int]
"""Line, column, end line, end column, from 0 as the YAML parser counts. Tuples of ints cost the collector nothing."""
Spans: TypeAlias = tuple[int, int, int, int, int, int, int, int]
"""The span of a key, and that of its value."""


def place_of(file: str, span: Span) -> Place:
    line, column, end_line, end_column = span
    return Place(file=file, line=line + 1, column=column + 1, end_line=end_line + 1, end_column=end_column + 1)


def place_of_file(file: str) -> Place:
    """Where problems with a whole file stand."""
    return Place(file=file, line=1, column=1, end_line=1, end_column=2)


def place_in(text: str, place: Place, offset: int, length: int = 1) -> Place:
    """A part of a scalar, where it stands in one line as it is, plain or in quotes; else all of it."""
    quotes = place.end_column - place.column - len(text)
    if place.line != place.end_line or quotes not in (0, 2):
        return place
    column = place.column + quotes // 2 + min(offset, len(text))
    return replace(place, column=column, end_column=column + length)


class Table(dict[str, Json]):
    """A YAML mapping."""

    __slots__ = ("file", "span", "spans")

    def __init__(self, file: str, span: Span) -> None:
        super().__init__()
        self.file = file
        self.span = span
        self.spans: dict[str, Spans] = {}

    def put(self, key: str, value: Json, spans: Spans) -> None:
        self[key] = value
        self.spans[key] = spans

    @property
    def place(self) -> Place:
        return place_of(self.file, self.span)

    def key_place(self, key: str) -> Place:
        return place_of(self.file, self._key_span(key))

    def place_at(self, key: str) -> Place:
        """The place of a member; of its key where the value is empty, so that there is something to point at."""
        if key not in self.spans:
            return self.place
        span = self.spans[key][4:]
        return self.key_place(key) if span[:2] == span[2:] else place_of(self.file, span)

    def _key_span(self, key: str) -> Span:
        return self.spans[key][:4] if key in self.spans else self.span


class Merged(Table):
    """The members of several tables as one table; each member is known where it stands."""

    __slots__ = ("_origins",)

    def __init__(self, first: Table) -> None:
        super().__init__(first.file, first.span)
        self._origins: dict[str, Table] = {}

    def take(self, key: str, table: Table) -> None:
        self.put(key, table[key], table.spans[key])
        self._origins[key] = table

    def key_place(self, key: str) -> Place:
        return self._origins[key].key_place(key) if key in self._origins else super().key_place(key)

    def place_at(self, key: str) -> Place:
        return self._origins[key].place_at(key) if key in self._origins else super().place_at(key)


class Series(list[Json]):
    """A YAML sequence."""

    __slots__ = ("file", "span", "spans")

    def __init__(self, file: str, span: Span) -> None:
        super().__init__()
        self.file = file
        self.span = span
        self.spans: list[Span] = []

    def put(self, value: Json, span: Span) -> None:
        self.append(value)
        self.spans.append(span)

    @property
    def place(self) -> Place:
        return place_of(self.file, self.span)

    def place_at(self, index: int) -> Place:
        return place_of(self.file, self.spans[index])
