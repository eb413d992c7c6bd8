"""The settings of a Celery app while an embedded worker runs on it, and its own again afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery, _state
from celery.app.utils import Settings
from kombu import pools

from asyncflow.adapters.embedded.hub import Session
from asyncflow.adapters.embedded.transport import Transport

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

    Connections and backends that it has made before are put aside, and are its own again afterwards.
    """
    if isinstance(app.conf.finalize(), EmbeddedSettings):
        raise RuntimeError(  # noqa: TRY004  (the type tells of a state)
            f"the Celery app {app.main!r} serves an embedded worker already; make an app of its own"
        )
    before = {name: getattr(app, name) for name in ("_conf", "_pool", "_backend_cache")}
    caches = {name: app.__dict__.pop(name) for name in _CACHES if name in app.__dict__}
    default_app, joins_block = _state.default_app, _state.task_join_will_block()
    app.__dict__.update(_conf=_settings(app.conf, session), _pool=None, _backend_cache=None)
    _state.set_default_app(app)
    try:
        yield
    finally:
        _forget_connections(app)
        _state.set_default_app(default_app)
        _state._set_task_join_will_block(joins_block)  # noqa: SLF001  (there is no public way)
        for name in _CACHES:
            app.__dict__.pop(name, None)
        app.__dict__.update(caches, **before)


def _settings(theirs: Any, session: Session) -> EmbeddedSettings:
    settings = EmbeddedSettings({}, theirs.maps, vars(theirs)["_keys"], theirs.prefix)
    settings.__dict__["key_t"] = theirs.key_t
    settings.update(
        broker_url="memory://",
        broker_transport=Transport,
        broker_transport_options={"session": session},
        broker_use_ssl=False,
        # Every thread may publish at once.
        broker_pool_limit=None,
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
