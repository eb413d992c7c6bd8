"""The embedded store: one SQLite file, one dispatcher."""

from asyncflow.adapters.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
