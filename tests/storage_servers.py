"""Private servers that results are stored in: PostgreSQL, S3 and one that speaks MongoDB's protocol."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import psycopg

from tests.servers import ROOT, Server, ServerError, free_port, is_listening

_USER = "postgres"


class PostgresServer(Server):
    """PostgreSQL with a new cluster, without a password; it refuses to run as root."""

    name = "postgresql"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self._cluster = folder / "cluster"
        self._prefix: list[str] = []
        if os.getuid() == 0:
            owner = _owner()
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            self._prefix = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    def start(self) -> Self:
        if not self._cluster.exists():
            self._make_cluster()
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",  # nothing in a test's server outlives it
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._spawn([*self._prefix, _postgres("postgres"), "-D", str(self._cluster), *options], _environ())
        self._wait_ready(lambda: is_listening(self.port) and self._answers())
        return self

    def add_database(self) -> str:
        """The URL of a new database."""
        name = f"test_{secrets.token_hex(8)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def kill(self) -> None:
        """SIGKILL to it and its backends: each is a session of its own, and would answer until it notices."""
        backends = _children(self.pid)
        super().kill()
        for backend in backends:
            with suppress(ProcessLookupError):
                os.kill(backend, signal.SIGKILL)

    def _answers(self) -> bool:
        command = [_postgres("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _make_cluster(self) -> None:
        command = [_postgres("initdb"), "-D", str(self._cluster), "-U", _USER, "--auth=trust", "--no-sync"]
        command += ["--encoding=UTF8", "--locale=C", "--no-instructions"]
        done = subprocess.run(
            [*self._prefix, *command], env=_environ(), cwd=self.folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ServerError(f"initdb failed: {done.stdout}{done.stderr}")


class S3Server(Server):
    """moto's S3 server."""

    name = "s3"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        program = Path(sys.executable).with_name("moto_server")
        if not program.exists():
            raise ServerError("moto_server is not installed: run `make dev`, or pip install 'moto[server]'")
        self._spawn([str(program), "-H", "127.0.0.1", "-p", str(self.port)], os.environ)
        self._wait_ready(lambda: is_listening(self.port))
        return self


class MongoServer(Server):
    """tests/storages/mongo_server.py: what of MongoDB's protocol the adapter uses."""

    name = "mongodb"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()

    def start(self) -> Self:
        self._spawn([sys.executable, str(ROOT / "tests/storages/mongo_server.py"), str(self.port)], os.environ)
        self._wait_ready(lambda: is_listening(self.port))
        return self


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that another user may be given, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="asyncflow-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            parent = stat.read_text().rpartition(") ")[2].split()[1]
            if int(parent) == pid:
                found.append(int(stat.parent.name))
    return found


def _postgres(program: str) -> str:
    """Debian keeps the server's programs aside, a folder a version; the latest is taken."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: float(path.parts[-3]))
    found = str(kept[-1]) if kept else shutil.which(program)
    if found is None:
        raise ServerError(
            f"{program} is not installed: run `make test`, which installs it, or `apt-get install postgresql`"
        )
    return found


def _owner() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(_USER)
    except KeyError:
        return pwd.getpwnam("nobody")


def _environ() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"}
