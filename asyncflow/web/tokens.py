"""Tokens for the HTTP API: who holds one may do what its scope says. A file keeps their digests, never the tokens.

A token is 32 random bytes, so one round of SHA-256 is enough: there is nothing to guess from.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from asyncflow.errors import RequestError, StoreError


class Scope(Enum):
    """Each scope holds those before it."""

    READ = "read"
    """Look at flows and runs."""
    RUN = "run"
    """Start, cancel, pause and resume runs."""
    ADMIN = "admin"
    """See and revoke tokens."""

    def covers(self, wanted: Scope) -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token: all but the token itself."""

    id: str
    name: str
    scope: Scope
    digest: str
    created_at: str


class TokenFile:
    """The tokens in a file that only its owner can read. A missing file holds none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._tokens: tuple[Token, ...] = ()

    def create(self, scope: Scope, name: str = "") -> tuple[Token, str]:
        """A new token, and its text: the only time that anyone sees it. Raises StoreError."""
        id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        text = f"af_{id}_{secret}"
        token = Token(id=id, name=name, scope=scope, digest=_digest(text), created_at=datetime.now(UTC).isoformat())
        self._write([*self.tokens(), token])
        return token, text

    def revoke(self, id: str) -> Token:
        """The token that is valid no longer. Raises RequestError, StoreError."""
        tokens = self.tokens()
        found = [token for token in tokens if token.id == id]
        if not found:
            known = ", ".join(token.id for token in tokens) or "none"
            raise RequestError(f"no token has the id {id!r}; tokens in {self.path}: {known}")
        self._write([token for token in tokens if token.id != id])
        return found[0]

    def tokens(self) -> Sequence[Token]:
        """As the file has them now; it is read again when it was written meanwhile. Raises StoreError."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._seen, self._tokens = None, ()
            return ()
        seen = (stat.st_mtime_ns, stat.st_ino)
        if seen != self._seen:
            self._tokens = self._read()
            self._seen = seen
        return self._tokens

    def find(self, text: str) -> Token | None:
        """What is known of a token; None where it is none of ours. Raises StoreError."""
        digest = _digest(text)
        found = None
        for token in self.tokens():
            if hmac.compare_digest(token.digest, digest):
                found = token
        return found

    def _read(self) -> tuple[Token, ...]:
        try:
            rows = json.loads(self.path.read_bytes())["tokens"]
            return tuple(Token(**{**row, "scope": Scope(row["scope"])}) for row in rows)
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise StoreError(f"the tokens in {self.path} cannot be read: {exc}") from exc

    def _write(self, tokens: Sequence[Token]) -> None:
        """All or nothing: a reader sees the old file or the new one."""
        rows = [{**asdict(token), "scope": token.scope.value} for token in tokens]
        beside = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump({"tokens": rows}, file, indent=1)
            beside.replace(self.path)
        except OSError as exc:
            raise StoreError(f"the tokens in {self.path} cannot be written: {exc}") from exc


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
