"""Reading a table by its section: known keys with values of the right kind; the rest is reported."""

from __future__ import annotations

from collections.abc import Mapping

from asyncflow.config.kinds import is_text
from asyncflow.config.report import Report, known_or_meant, meant_by
from asyncflow.config.sections import Key, Section
from asyncflow.config.tree import Series, Table
from asyncflow.errors import Place
from asyncflow.model.names import Json


class Fields:
    """The members of a table that are as they should be, by the keys' first spellings.

    `meant` are the keys that misspelt ones probably stand for: they are not to be called missing as well.
    """

    __slots__ = ("_spelled", "meant", "table", "values")

    def __init__(self, table: Table, values: Mapping[str, Json], spelled: Mapping[str, str]) -> None:
        self.table = table
        self.values = values
        self.meant: frozenset[str] = frozenset()
        self._spelled = spelled

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def get(self, key: str, default: Json = None) -> Json:
        return self.values.get(key, default)

    def place(self, key: str) -> Place:
        """Where the value stands, and where the key is absent, the table."""
        return self.table.place_at(self._spelled.get(key, key))

    def key_place(self, key: str) -> Place:
        return self.table.key_place(self._spelled.get(key, key))

    def names(self, key: str) -> list[str]:
        """One name or many; none when the key is absent, empty or a flag."""
        value = self.values.get(key)
        return [value] if isinstance(value, str) else list(value) if isinstance(value, Series) else []

    def named(self, key: str) -> list[tuple[str, Place]]:
        """The same, each with its place."""
        value = self.values.get(key)
        if isinstance(value, str):
            return [(value, self.place(key))]
        if isinstance(value, Series):
            return [(name, value.place_at(index)) for index, name in enumerate(value)]
        return []


def read_fields(section: Section, table: Table, report: Report) -> Fields:
    if _is_plainly_right(section, table):
        return Fields(table, table, _AS_WRITTEN)
    values: dict[str, Json] = {}
    spelled: dict[str, str] = {}
    for spelling, value in table.items():
        key = section.spellings.get(spelling)
        if key is None:
            _report_unknown(section, table, spelling, report)
        elif key.name in spelled:
            hint = f"keep `{key.name}`"
            message = f"`{spelling}` and `{spelled[key.name]}` are the same key"
            report.add("F205", message, table.key_place(spelling), hint=hint)
        else:
            spelled[key.name] = spelling
            if key.kind.accepts(value):
                values[key.name] = value
            else:
                message = f"`{spelling}` must be {key.kind.words}"
                report.add("F203", message, table.place_at(spelling), label=f"this is {words_for(value)}")
    fields = Fields(table, values, spelled)
    if len(spelled) < len(table):
        strange = [spelling for spelling in table if spelling not in section.spellings]
        fields.meant = frozenset(meant for each in strange if (meant := meant_by(each, _names_of(section))) is not None)
    for key in section.required:
        if key.name not in spelled and key.name not in fields.meant:
            _report_missing(section, table, key, report)
    return fields


_AS_WRITTEN: Mapping[str, str] = {}


def _is_plainly_right(section: Section, table: Table) -> bool:
    """Whether the table needs no copy to be read; nearly all do not."""
    for spelling, value in table.items():
        key = section.spellings.get(spelling)
        if key is None or key.name != spelling or not key.kind.accepts(value):
            return False
    return all(key.name in table for key in section.required)


def tables_in(section: Section, series: Json, report: Report) -> list[Table]:
    """The tables of a list; whatever else stands in it is reported."""
    tables = []
    for index, item in enumerate(series if isinstance(series, Series) else ()):
        if isinstance(item, Table):
            tables.append(item)
        else:
            message = f"a {section.title} must be a table"
            report.add("F203", message, series.place_at(index), label=f"this is {words_for(item)}")
    return tables


def words_for(value: Json) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case str():
            return f"the text '{value}'" if len(value) < 40 else "text"
        case dict():
            return "a table" if value else "an empty table"
        case list():
            return "a list" if value else "an empty list"
    return f"the number {value}"


def _title(section: Section, table: Table) -> str:
    name = table.get("name")
    return f"{section.title} `{name}`" if is_text(name) and not section.title.startswith("`") else section.title


def _report_unknown(section: Section, table: Table, spelling: str, report: Report) -> None:
    message = f"{_title(section, table)} has no key `{spelling}`"
    hint = known_or_meant(spelling, _names_of(section))
    report.add("F201", message, table.key_place(spelling), label="unknown key", hint=hint)


def _names_of(section: Section) -> list[str]:
    return [key.name for key in section.keys]


def _report_missing(section: Section, table: Table, key: Key, report: Report) -> None:
    message = f"{_title(section, table)} lacks the key `{key.name}`"
    report.add("F202", message, table.place, hint=f"`{key.name}` must be {key.kind.words}")
