"""Where a PostgreSQL store is, how to connect to it, and what its server's errors mean."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from asyncflow.errors import FencedError, StoreError

OLDEST = 150000
"""PostgreSQL 15, as the server's `server_version_num` says it."""

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")

# Raised by commit_1.
STALE_EPOCH = "AF001"
RUN_MOVED = "AF002"

_MEANINGS = {
    "3D000": "there is no such database; make it with `createdb`",
    "28": "the server does not let us in; check the user and the password",
    "42501": "the user may not do this; grant it the schema, or give another user",
    "53100": "the server's disk is full; free some space there",
    "53300": "the server has too many connections; raise its max_connections, or close some",
    "57014": "it took longer than the store's timeout; see what the server is busy with, or raise the timeout",
    "55P03": "something else holds a lock for too long; see `pg_stat_activity` on the server",
    "57P": "the server is stopping or starting",
    "25006": "the server takes no writes: it is a standby, or read-only; give the address of the primary",
    "23": "the batch contradicts what is stored",
}
"""By SQLSTATE, or by how it begins; the longest fit counts."""


# Errors of connecting carry no SQLSTATE. A server that speaks another language is quoted only.
_REFUSALS = {r'FATAL: database ".*" does not exist': "3D000", r"FATAL: (password|role|no pg_hba.conf)": "28000"}


class RunMovedError(FencedError):
    """One run of the batch stands elsewhere: which one must be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    connections: int = 4
    timeout: float = 10.0
    """Seconds for connecting, for each statement, and for waiting until a connection is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    url: str
    schema: str = "asyncflow"
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        try:
            conninfo_to_dict(self.url)
        except psycopg.ProgrammingError as exc:
            # Without what libpq says: it quotes parts of the URL, and a password may be among them.
            raise StoreError(
                "the store's URL is not one that PostgreSQL understands; write postgresql://USER:PASSWORD@HOST/DATABASE, "
                "with signs other than letters and digits percent-encoded"
            ) from exc
        if not _SCHEMA.fullmatch(self.schema):
            raise StoreError(
                f"{self.schema!r} is no name for the store's schema; "
                "use lower-case letters, digits and underscores, a letter first"
            )

    def __str__(self) -> str:
        """Without the password."""
        given = conninfo_to_dict(self.url)
        place = f"{given.get('host') or 'localhost'}:{given.get('port') or 5432}"
        return f"postgresql://{place}/{given.get('dbname') or ''} (schema {self.schema})"

    def conninfo(self, *, readonly: bool = False) -> str:
        """What is given in the URL counts more than the defaults here."""
        milliseconds = round(self.limits.timeout * 1000)
        options = {
            "search_path": self.schema,
            "statement_timeout": milliseconds,
            # Statements stand alone; if one ever does not, a client that stops must not hold locks for long.
            "idle_in_transaction_session_timeout": milliseconds,
            "default_transaction_isolation": r"read\ committed",
            "default_transaction_read_only": "on" if readonly else "off",
        }
        given = conninfo_to_dict(self.url)
        return make_conninfo(
            self.url,
            options=" ".join(
                [*(f"-c {name}={value}" for name, value in options.items()), str(given.get("options") or "")]
            ),
            **{name: value for name, value in self._network().items() if name not in given},
        )

    def _network(self) -> dict[str, str | int]:
        """A server that has gone without a word is noticed in the time of a statement."""
        return {
            "application_name": "asyncflow",
            "connect_timeout": max(2, round(self.limits.timeout)),
            "tcp_user_timeout": round(self.limits.timeout * 1000),
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        }

    def explain(self, exc: Exception) -> StoreError:
        """The same in words that tell what to do."""
        state = getattr(exc, "sqlstate", None) or ""
        said = " ".join(str(exc).split())
        if not state:
            state = next((code for text, code in _REFUSALS.items() if re.search(text, said)), "")
        if state == STALE_EPOCH:
            return FencedError(said.partition(" CONTEXT: ")[0])
        if state == RUN_MOVED:
            return RunMovedError("a run stands elsewhere: another commit has moved it")
        if isinstance(exc, UnicodeEncodeError | psycopg.DataError):
            return StoreError(f"{self}: the batch has a text that PostgreSQL cannot hold: {said}")
        meaning = max((key for key in _MEANINGS if state.startswith(key)), key=len, default="") if state else ""
        if meaning:
            return StoreError(f"{self}: {_MEANINGS[meaning]} (PostgreSQL says: {said})")
        return StoreError(f"{self}: {said or type(exc).__name__}")


def is_lost(connection: psycopg.AsyncConnection[object], exc: Exception) -> bool:
    """Whether nobody knows what became of the statement, because the connection broke."""
    return isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError) and connection.closed
