"""The embedded default: a broker and a stock Celery worker inside this process."""

from asyncflow.adapters.embedded.broker import EmbeddedBroker
from asyncflow.adapters.embedded.worker import embedded_worker

__all__ = ["EmbeddedBroker", "embedded_worker"]
