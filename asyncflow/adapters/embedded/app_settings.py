"""The settings of a Celery app while an embedded worker runs on it, and its own again afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery, _state
from celery.app.utils import Settings
from kombu import pools

from asyncflow.adapters.embedded.session import Session
from asyncflow.adapters.embedded.transport import Transport
from asyncflow.errors import BrokerError

_CACHES = ("amqp", "control", "events")
"""Properties of an app that keep what they have read from its settings."""


class EmbeddedSettings(Settings):  # type: ignore[misc]  # celery ships no types
    """The user's settings beneath ours. The environment's URLs, which Celery puts first, are left out."""

    @property
    def broker_url(self) -> str:
        return str(self["broker_url"])

    broker_read_url = broker_write_url = broker_url

    @property
    def result_backend(self) -> str:
        return str(self["result_backend"])


@contextmanager
def embedded_settings(app: Celery, session: Session) -> Iterator[None]:
    """Lead the app to the hub, and make it the default app of the process.

    Connections and backends that it has made before are put aside, and are its own again afterwards; where a task runs
    on after the worker has ended, after that task: it must not report, nor retry, on the user's broker.
    """
    settings = app.conf.finalize()
    if isinstance(settings, EmbeddedSettings):
        loan: _Loan = settings.__dict__["loan"]
        if not loan.session.ended:
            raise BrokerError(f"the Celery app {app.main!r} serves an embedded worker already; make an app of its own")
        loan.give_back()
    loan = _Loan(app, session)
    try:
        yield
    finally:
        session.after_last_task(loan.give_back)


class _Loan:
    """An app in our hands, and all that is to be given back with it."""

    def __init__(self, app: Celery, session: Session) -> None:
        self.session = session
        self._app = app
        self._own = {name: getattr(app, name) for name in ("_conf", "_pool", "_backend_cache")}
        self._own.update({name: vars(app).pop(name) for name in _CACHES if name in vars(app)})
        self._default_app = _state.default_app
        self._joins_block = _state.task_join_will_block()
        self._once = threading.Lock()
        settings = _settings(app.conf, session)
        settings.__dict__["loan"] = self
        vars(app).update(_conf=settings, _pool=None, _backend_cache=None)
        _state.set_default_app(app)

    def give_back(self) -> None:
        if not self._once.acquire(blocking=False):
            return
        _forget_connections(self._app)
        if _state.default_app is self._app:
            _state.set_default_app(self._default_app)
        _state._set_task_join_will_block(self._joins_block)  # noqa: SLF001  (there is no public way)
        for name in _CACHES:
            vars(self._app).pop(name, None)
        vars(self._app).update(self._own)


def _settings(theirs: Any, session: Session) -> EmbeddedSettings:
    settings = EmbeddedSettings({}, theirs.maps, vars(theirs)["_keys"], theirs.prefix)
    settings.__dict__["key_t"] = theirs.key_t
    settings.update(
        broker_url="memory://localhost",
        broker_transport=Transport,
        broker_transport_options={"session": session},
        broker_use_ssl=False,
        # Every thread may publish at once.
        broker_pool_limit=None,
        broker_connection_retry_on_startup=True,  # what older Celery warns of when it is not set
        result_backend="rpc://",
        task_always_eager=False,
        task_create_missing_queues=True,
        worker_direct=False,
        worker_enable_remote_control=True,
        worker_state_db=None,
    )
    return settings


def _forget_connections(app: Celery) -> None:
    """Drop the pools that kombu would keep of every connection for as long as the process lives."""
    line = app.connection_for_write()
    pools.connections[line].force_close_all()
    for group in (pools.producers, pools.connections):
        try:
            del group[line]
        except KeyError:
            continue
