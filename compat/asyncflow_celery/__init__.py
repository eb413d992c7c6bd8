"""Celery's side of asyncflow: the wire format as pure functions, and what runs on workers."""

from asyncflow_celery.flow_task import FatalTaskError, FlowTask, NoParentNodeError
from asyncflow_celery.local import NotConfiguredError, configure

__all__ = ["FatalTaskError", "FlowTask", "NoParentNodeError", "NotConfiguredError", "configure"]
