"""Numbered changes of a SQL store's schema, and which of them a store still lacks.

A migration never changes once it has been released: its checksum stands in every store that has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from asyncflow.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(package: str) -> list[Migration]:
    """Those in the package's folder `migrations`, in order."""
    folder = resources.files(package).joinpath("migrations")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [Migration(number=int(file.name[:4]), name=file.name, sql=file.read_text("utf-8")) for file in files]


def missing(applied: Mapping[int, str], known: Sequence[Migration], where: object) -> list[Migration]:
    """What this version knows and the store has not, given its checksums by number.

    Raises StoreError where the store has something else.
    """
    by_number = {migration.number: migration for migration in known}
    for number, checksum in sorted(applied.items()):
        if number not in by_number:
            raise StoreError(
                f"{where} was made by a newer asyncflow: it has migration {number}, this one knows "
                f"{max(by_number)}; upgrade asyncflow, or use another store"
            )
        if checksum != by_number[number].checksum:
            raise StoreError(
                f"{where} was made with another {by_number[number].name} than this asyncflow has; "
                "use the release of asyncflow that made it, or another store"
            )
    return [migration for migration in known if migration.number not in applied]
