"""A client by settings."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from asyncflow.app.settings import Settings
from asyncflow.client import Client, connect


def connecting(settings: Settings) -> AbstractAsyncContextManager[Client]:
    """A client over the broker of the settings, or of everything embedded where they name none."""
    if settings.broker_url:
        return connect(settings.broker_url, namespace=settings.namespace)
    from asyncflow.app.standalone import embedded  # noqa: PLC0415  (brings Celery, which clients of a broker do without)

    return embedded(settings)
