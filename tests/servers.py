"""Private servers for tests: each has its own port and folder, listens on 127.0.0.1 only, and is stopped by its pid."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[1]

_ADMIN = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin", "/usr/sbin", "/opt/homebrew/sbin")
_READY_SECONDS = 60.0
_STOP_SECONDS = 15.0
_VHOSTS_AT_ONCE = 16


class ServerError(Exception):
    """A server for tests did not start, or a program for it is missing."""


def wait_until(holds: Callable[[], object], what: str, seconds: float = _READY_SECONDS, every: float = 0.05) -> None:
    """Poll until something holds; fail with the name of what was waited for."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise ServerError(f"waited {seconds:g} s for {what}")
        time.sleep(every)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A program in its own process group, with its log in a file."""

    name = "server"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / f"{self.name}.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.name} is not running"
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> Self:
        raise NotImplementedError

    def stop(self) -> None:
        """Ask it to end, and see to it that it has."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to it and everything that it started."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _spawn(self, command: Sequence[str], environ: Mapping[str, str], folder: Path | None = None) -> None:
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                command,
                env=dict(environ),
                cwd=folder or self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_ready(self, ready: Callable[[], object]) -> None:
        def settled() -> bool:
            if not self.running:
                raise ServerError(f"{self.name} ended at once:\n{self.tail()}")
            return bool(ready())

        try:
            wait_until(settled, f"{self.name} to be ready")
        except ServerError as exc:
            self.kill()
            raise ServerError(f"{exc}\n{self.tail()}") from None

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else "(no log)"

    def _end(self, how: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with suppress(ProcessLookupError):
            if how is signal.SIGKILL:
                os.killpg(child.pid, how)
            else:
                child.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            child.wait(_STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(_STOP_SECONDS)


class RabbitServer(Server):
    """A RabbitMQ node with its own epmd, without plugins."""

    name = "rabbitmq"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self._epmd_port = free_port()
        self._server = _program("rabbitmq-server", "rabbitmq-server")
        self._control = _program("rabbitmqctl", "rabbitmq-server")
        self._epmd: subprocess.Popen[bytes] | None = None
        self._environ = self._prepare()
        self._unused_vhosts: list[str] = []

    def url(self, vhost: str = "/") -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{'' if vhost == '/' else vhost}"

    def start(self) -> Self:
        if self._epmd is None:
            self._epmd = self._start_epmd()
        self._spawn([self._server], self._environ)
        self._wait_ready(lambda: is_listening(self.port))
        return self

    def stop(self) -> None:
        # Nothing in a test's node is worth an orderly shutdown, which takes seconds.
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(_STOP_SECONDS)
            self._epmd = None

    def kill(self) -> None:
        super().kill()
        # Only the shell script around it has been waited for.
        wait_until(lambda: not is_listening(self.port), "rabbitmq to be gone", seconds=10, every=0.01)

    def restart(self) -> None:
        """Kill the node and start it again on the same port with what it had on disk."""
        self.kill()
        self.start()

    def wait_durable(self, vhost: str, queue: str) -> None:
        """Wait until a new quorum queue of the virtual host of this URL would survive `kill`: its registration is written half a second late."""
        registries = list(self.folder.glob("mnesia/*/quorum/*/names.dets"))
        name = f"{vhost.rpartition('/')[2]}_{queue}".encode()
        wait_until(lambda: any(name in registry.read_bytes() for registry in registries), f"{queue} on disk", 10)

    def stop_app(self) -> None:
        """Close the broker in order, every connection too; the node stays."""
        self.control("stop_app")

    def start_app(self) -> None:
        self.control("start_app")
        wait_until(lambda: is_listening(self.port), "rabbitmq to listen again")

    def add_vhost(self) -> str:
        """The URL of a virtual host that nobody else uses. Many are made at once, for each question takes a second."""
        if not self._unused_vhosts:
            self._unused_vhosts = [f"test-{secrets.token_hex(8)}" for _ in range(_VHOSTS_AT_ONCE)]
            names = ", ".join(f'<<"{name}">>' for name in self._unused_vhosts)
            self.evaluate(
                "[begin rabbit_vhost:add(Name, <<>>), rabbit_auth_backend_internal:set_permissions("
                f'<<"guest">>, Name, <<".*">>, <<".*">>, <<".*">>, <<>>) end || Name <- [{names}]].'
            )
        return self.url(self._unused_vhosts.pop())

    def close_connections(self, vhost: str) -> None:
        """Force every connection to the virtual host of this URL to close."""
        self.control("close_all_connections", "-p", vhost.rpartition("/")[2], "closed by a test")

    def evaluate(self, expression: str) -> str:
        """Evaluate Erlang in the node."""
        return self.control("eval", expression)

    def control(self, *arguments: str) -> str:
        command = [self._control, "-q", *arguments]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise ServerError(f"rabbitmqctl {' '.join(arguments)} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def _prepare(self) -> dict[str, str]:
        configuration = self.folder / "rabbitmq.conf"
        configuration.write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "loopback_users = none\n"
            "vm_memory_high_watermark.absolute = 1GB\n"
            "disk_free_limit.absolute = 10MB\n"
            "log.console = true\nlog.console.level = warning\nlog.file = false\n"
        )
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "environment").write_text("")
        name = f"asyncflow-{secrets.token_hex(4)}@localhost"
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "environment"),
            "RABBITMQ_CONFIG_FILE": str(configuration),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _start_epmd(self) -> subprocess.Popen[bytes]:
        """Before the node does: an epmd that the node starts itself would outlive it."""
        epmd = shutil.which("epmd") or _program("epmd", "erlang-base")
        with self.log.open("ab") as log:
            command = [epmd, "-address", "127.0.0.1", "-port", str(self._epmd_port)]
            child = subprocess.Popen(command, env=self._environ, stdout=log, stderr=log)
        wait_until(lambda: is_listening(self._epmd_port), "epmd to listen", seconds=10)
        return child


class RedisServer(Server):
    """Redis without persistence."""

    name = "redis"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self._program = _program("redis-server", "redis-server")

    def url(self, number: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{number}"

    def start(self) -> Self:
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": str(self.folder)}
        command = [self._program, *(word for name, value in options.items() for word in (f"--{name}", value))]
        self._spawn(command, os.environ)
        self._wait_ready(lambda: is_listening(self.port))
        return self


class CeleryWorker(Server):
    """A stock `celery worker` (prefork) in its own process. `app` is found in one of the folders of `path`."""

    def __init__(
        self,
        folder: Path,
        app: str,
        *,
        broker: str,
        backend: str = "rpc://",
        queues: Sequence[str] = ("celery",),
        concurrency: int = 1,
        path: Sequence[Path] = (),
        environ: Mapping[str, str] | None = None,
        python: str = sys.executable,
        pool: str = "prefork",
    ) -> None:
        self.name = f"worker-{secrets.token_hex(4)}"
        super().__init__(folder)
        where = os.pathsep.join([*map(str, path), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
        self._environ = {**os.environ, "PYTHONPATH": where, "PYTHONDONTWRITEBYTECODE": "1", **(environ or {})}
        self._command = [python, "-m", "celery", "-A", app, "-b", broker, "--result-backend", backend, "worker"]
        self._command += ["-n", self.hostname, "-Q", ",".join(queues), "-c", str(concurrency), "-l", "INFO"]
        self._command += ["-P", pool, "--without-mingle"]  # which waits a second for what no other worker says

    @property
    def hostname(self) -> str:
        return f"{self.name}@localhost"

    def launch(self) -> Self:
        """Start without waiting, so that several can start at once; `start` then waits."""
        if not self.running:
            self._spawn(self._command, self._environ)
        return self

    def start(self) -> Self:
        self.launch()
        self._wait_ready(lambda: f"{self.hostname} ready." in self.log.read_text(errors="replace"))
        return self

    def stop(self) -> None:
        # An orderly end takes seconds.
        self.kill()


@contextmanager
def private_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="asyncflow-") as folder:
        yield Path(folder)


def _program(name: str, package: str) -> str:
    found = shutil.which(name, path=os.pathsep.join((*_ADMIN, os.environ.get("PATH", ""))))
    if found is None:
        raise ServerError(
            f"{name} is not installed: run `make test`, which installs it, or `apt-get install {package}`"
        )
    return found
