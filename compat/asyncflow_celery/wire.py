"""The codec between asyncflow and Celery workers: message protocol 2 out, results and callbacks in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias, assert_never

from asyncflow.errors import EnvelopeError
from asyncflow.fleet import WorkerReport
from asyncflow.model import jsontext
from asyncflow.model.commands import PublishTask
from asyncflow.model.flow import Task, TaskKind
from asyncflow.model.names import FlowName, Json, NodeName, RunId, TaskId
from asyncflow.ports import Completion, Delivery, Message
from asyncflow_celery import completions, control, fleet
from asyncflow_celery.channels import Channels, Wish
from asyncflow_celery.envelope import check_envelope, encode_body, encode_headers, short_repr
from asyncflow_celery.template import PLACE, Address, Template

FLOW_TASK = "asyncflow.FlowTask"
SELINON_TASK = "selinon.SelinonTaskEnvelope"

_LARGEST_BODY = 16 * 1024 * 1024
_MOST_TEMPLATES = 10_000
_CUTS = (1, 5)
"""Pieces of the embedded options: without callbacks, and with two that each name the id twice."""

_Call: TypeAlias = tuple[str, list[Json], dict[str, Json]]
"""The registered name that a worker is asked for, and what it is called with."""


class CeleryCodec:
    """Fulfils `ports.Codec`.

    `callbacks` says which messages have callbacks, by which a worker reports through our exchange also where its
    result backend is not rpc://. True stands for both channels, False for replies only.
    `largest` bounds the bodies that are read and written; `control_exchange` is the setting of that name
    of the Celery app.
    """

    def __init__(
        self, callbacks: Channels | bool = True, *, largest: int = _LARGEST_BODY, control_exchange: str = "celery"
    ) -> None:
        self._channels = (
            callbacks if isinstance(callbacks, Channels) else Channels(Wish.BOTH if callbacks else Wish.RPC)
        )
        self._largest = largest
        self._control_exchange = control_exchange
        self._templates: dict[tuple[FlowName, NodeName], Template] = {}

    def encode_task(self, command: PublishTask, *, reply_to: str, exchange: str, routing_key: str) -> Message:
        name, args, kwargs = _call(command)
        address = Address(
            reply_to=reply_to if self._channels.with_replies else "",
            exchange=exchange if self._channels.with_callbacks(name) else "",
            routing_key=routing_key,
        )
        template = self._templates.get((command.flow, command.task.name))
        if template is not None and template.task is command.task and template.address == address:
            message = template.filled(command, args, kwargs)
            if message is not None:
                return message
        message = self._encode_anew(command, (name, args, kwargs), address)
        self._keep_template(command, message, address)
        return message

    def _encode_anew(self, command: PublishTask, call: _Call, address: Address) -> Message:
        task = command.task
        name, args, kwargs = call
        message = Message(
            exchange=task.exchange,
            routing_key=task.routing_key or task.queue,
            body=encode_body(args, kwargs, self._embed(command.id, address)),
            headers=encode_headers(
                task=name,
                id=command.id,
                run_id=command.run_id,
                root_id=command.root_id,
                shadow=f"{command.flow}.{task.name}",
                timelimit=_time_limits(task),
                argsrepr=short_repr(tuple(args)),
                kwargsrepr=short_repr(kwargs),
                stamped_headers=[control.RUN_STAMP],
                stamps={control.RUN_STAMP: command.root_id},
            ),
            correlation_id=command.id,
            reply_to=address.reply_to,
            priority=task.priority or 0,
        )
        check_envelope(message, largest=self._largest)
        return message

    def _embed(self, id: str, address: Address) -> dict[str, Json]:
        embed: dict[str, Json] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
        if address.exchange:
            embed["callbacks"] = [_callback(completions.SUCCEEDED, id, address)]
            embed["errbacks"] = [_callback(completions.FAILED, id, address)]
        return embed

    def _keep_template(self, command: PublishTask, message: Message, address: Address) -> None:
        embed = jsontext.dumps(self._embed(PLACE, address)).split(PLACE.encode())
        if len(embed) not in _CUTS:
            return  # a name of ours holds the very text that stands for the id
        if len(self._templates) >= _MOST_TEMPLATES:
            self._templates.clear()
        self._templates[command.flow, command.task.name] = Template.of(
            command.task, address, message, embed, self._largest
        )

    def decode_completion(self, delivery: Delivery) -> Completion:
        return completions.decode(delivery, largest=self._largest)

    def encode_revoke(self, ids: Sequence[TaskId], *, terminate: bool) -> Message:
        return control.revoke(ids, terminate=terminate, exchange=self._control_exchange)

    def encode_revoke_run(self, root_id: RunId, *, terminate: bool) -> Message:
        """The broadcast that asks workers to drop every attempt of a run, its sub-flows included."""
        return control.revoke_run(root_id, terminate=terminate, exchange=self._control_exchange)

    def encode_control(self, method: str, arguments: Mapping[str, Json], *, reply_to: str, ticket: str) -> Message:
        """The broadcast of a command that workers answer: ping, query_task, conf, active_queues, ..."""
        return control.broadcast(method, arguments, exchange=self._control_exchange, reply_to=reply_to, ticket=ticket)

    def encode_order(self, method: str, workers: Collection[str]) -> Message:
        return control.order(method, workers, exchange=self._control_exchange)

    def decode_answer(self, delivery: Delivery) -> tuple[str, Mapping[str, Json]]:
        return fleet.answer(delivery)

    def decode_reports(self, delivery: Delivery) -> list[WorkerReport]:
        return fleet.reports(delivery)

    def control_queue(self, worker: str) -> str:
        return control.queue_of(worker, exchange=self._control_exchange)


def _call(command: PublishTask) -> _Call:
    match command.task.kind:
        case TaskKind.CELERY:
            return command.task.celery_task, list(command.args), dict(command.kwargs or {})
        case TaskKind.FLOW:
            kwargs = {**_selinon_kwargs(command), "attempt": command.attempt}
            if command.results is not None:
                kwargs["results"] = command.results
            if command.errors is not None:
                kwargs["errors"] = command.errors
            return FLOW_TASK, [], kwargs
        case TaskKind.SELINON:
            return SELINON_TASK, [], _selinon_kwargs(command)
        case kind:
            assert_never(kind)


def _selinon_kwargs(command: PublishTask) -> dict[str, Json]:
    return {
        "task_name": command.task.name,
        "flow_name": command.flow,
        "parent": command.parent,
        "node_args": command.node_args,
        "dispatcher_id": command.run_id,
    }


def _time_limits(task: Task) -> Json:
    """Celery's order is hard, then soft."""
    if task.time_limit is None and task.soft_time_limit is None:
        return None
    return [task.time_limit, task.soft_time_limit]


def _callback(name: str, id: str, address: Address) -> dict[str, Json]:
    """A signature that no worker knows, so that the worker sends it on to our exchange.

    It must not name a queue: the worker would declare it, collide with ours, and report the task as failed.
    """
    if not address.routing_key:
        raise EnvelopeError("the callbacks have no routing key, so their messages would reach nobody")
    return {
        "task": name,
        "args": [],
        "kwargs": {},
        "subtask_type": None,
        "immutable": False,
        "options": {
            "exchange": address.exchange,
            "routing_key": address.routing_key,
            "task_id": f"done:{id}",
            "headers": {completions.ATTEMPT_HEADER: id},
        },
    }
