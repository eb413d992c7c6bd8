"""The store of several dispatchers: one schema in a PostgreSQL database, 15 or newer."""

from asyncflow.adapters.postgresql.address import Limits
from asyncflow.adapters.postgresql.schema import upgrade
from asyncflow.adapters.postgresql.store import PostgresStore

__all__ = ["Limits", "PostgresStore", "upgrade"]
