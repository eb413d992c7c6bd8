"""The task message of Celery's protocol 2: how it is built, and what must hold before it may leave.

A worker does not check what it takes: a malformed envelope ends the worker's process and stays on the
queue, to end the next one too. So `check_envelope` refuses everything that a worker could stumble over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from reprlib import Repr

from kombu.utils import json as kombu_json

from asyncflow.errors import EnvelopeError
from asyncflow.model import jsontext
from asyncflow.model.names import Json
from asyncflow.ports import Message
from asyncflow_celery.content import loads

_SHORT_STRING = 255
_LONGEST_ID = 200
"""Callbacks bear the id with a prefix, in a short string again."""
_LONGEST_TEXT = 4096
"""All headers must fit one frame, of which a broker takes 128 KiB by default."""
_REPR_CHARACTERS = 1024
_TEXT_HEADERS = ("lang", "task", "id", "root_id", "argsrepr", "kwargsrepr", "origin")
_OPTIONAL_TEXT_HEADERS = ("parent_id", "shadow")
_UNUSED_HEADERS = ("group", "group_index", "eta", "expires")
_loads_as_workers_do: Callable[[bytes], Json] = kombu_json.loads

_EMBED_KEYS = frozenset({"callbacks", "errbacks", "chain", "chord"})


def encode_body(args: list[Json], kwargs: Mapping[str, Json], embed: Mapping[str, Json]) -> bytes:
    """Write the three parts of a task's body. Raises EnvelopeError for what JSON cannot say."""
    try:
        # One by one: a part that orjson can write is not slowed down by another.
        return b"[%b,%b,%b]" % (jsontext.dumps(args), jsontext.dumps(kwargs), jsontext.dumps(embed))
    except TypeError as exc:
        raise EnvelopeError(f"the arguments cannot be written as JSON: {exc}") from exc


def encode_headers(*, task: str, id: str, run_id: str, root_id: str, **rest: Json) -> dict[str, Json]:
    """Write the headers that Celery itself would send, in Celery's words."""
    return {
        "lang": "py",
        "task": task,
        "id": id,
        "root_id": root_id,
        "parent_id": run_id,
        "group": None,
        "group_index": None,
        "shadow": None,
        "eta": None,
        "expires": None,
        "retries": 0,
        "timelimit": None,
        "argsrepr": "",
        "kwargsrepr": "",
        "origin": "asyncflow",
        # Said explicitly, so that tasks which ignore their result by default report it to us.
        "ignore_result": False,
        "replaced_task_nesting": 0,
        **rest,
    }


def short_repr(value: Json) -> str:
    """Show a value in worker logs and Flower; what is large is cut before it is written out."""
    text = _REPR.repr(value)
    return text.encode("utf-8", "backslashreplace").decode()[:_REPR_CHARACTERS]


def check_envelope(message: Message, *, largest: int) -> None:
    """Raise EnvelopeError unless any worker can take this task message without harm."""
    _require(len(message.body) <= largest, f"the body has {len(message.body)} bytes; the most is {largest}")
    _require(message.content_type == "application/json", "the content type is not application/json")
    _require(message.content_encoding == "utf-8", "the content encoding is not utf-8")
    _require(type(message.priority) is int and 0 <= message.priority <= _SHORT_STRING, "the priority is not 0 to 255")
    for name in ("routing_key", "exchange", "type", "correlation_id", "reply_to"):
        _require(_is_short(getattr(message, name)), f"{name} is not a text of at most 255 bytes")
    _require(message.routing_key != "", "the message names no queue")
    _check_headers(message.headers)
    _require(message.correlation_id == message.headers["id"], "the correlation id is not the task id")
    _check_body(message.body)


def _check_headers(headers: Mapping[str, Json]) -> None:
    for name in _TEXT_HEADERS:
        _require(_is_text(headers.get(name)), f"the header {name!r} is not a text")
    for name in _OPTIONAL_TEXT_HEADERS:
        _require(headers.get(name) is None or _is_text(headers[name]), f"the header {name!r} is not a text")
    for name in _UNUSED_HEADERS:
        _require(headers.get(name) is None, f"the header {name!r} is set")
    _require(headers["task"] != "" and _is_short(headers["task"]), "the task's name is empty or over 255 bytes")
    _require(0 < len(headers["id"].encode()) <= _LONGEST_ID, f"the task id is empty or over {_LONGEST_ID} bytes")
    _require(type(headers.get("retries")) is int, "the header 'retries' is not a number")
    _require(type(headers.get("ignore_result")) is bool, "the header 'ignore_result' is not true or false")
    _require(type(headers.get("replaced_task_nesting")) is int, "the header 'replaced_task_nesting' is not a number")
    _check_limits(headers.get("timelimit"))
    _check_stamps(headers)


def _check_limits(limits: Json) -> None:
    if limits is None:
        return
    _require(isinstance(limits, list) and len(limits) == 2, "the time limits are not [hard, soft]")
    for seconds in limits:
        sound = seconds is None or (type(seconds) in (int, float) and math.isfinite(seconds) and seconds > 0)
        _require(sound, f"a time limit is {seconds!r}, and not a number of seconds over 0")


def _check_stamps(headers: Mapping[str, Json]) -> None:
    stamps = headers.get("stamps")
    names = headers.get("stamped_headers")
    if stamps is None and names is None:
        return
    if not isinstance(stamps, dict) or not isinstance(names, list):
        raise EnvelopeError("the task message would harm a worker: the stamps are not an object with a list of names")
    _require(sorted(names) == sorted(stamps), "the names of the stamps are not those listed")
    _require(all(map(_is_text, stamps.values())), "a stamp is not a text")


def _check_body(body: bytes) -> None:
    try:
        # Where kombu's tags for typed values occur, a worker builds the values: let kombu show that it can.
        parts = loads(body)
        if b'"__type__"' in body:
            parts = _loads_as_workers_do(body)
    except (ValueError, TypeError, AttributeError, ArithmeticError, LookupError) as exc:
        raise EnvelopeError(f"a worker could not read the arguments: {exc!r}") from exc
    _require(isinstance(parts, list) and len(parts) == 3, "the body has not three parts")
    args, kwargs, embed = parts
    _require(isinstance(args, list), "the positional arguments are not a list")
    _require(isinstance(kwargs, dict), "the keyword arguments are not an object")
    _require(isinstance(embed, dict) and set(embed) == _EMBED_KEYS, "the embedded options are not Celery's four")
    _require(embed["chain"] is None and embed["chord"] is None, "a chain or chord is embedded")
    for name in ("callbacks", "errbacks"):
        _require(embed[name] is None or _are_signatures(embed[name]), f"the {name} are not a list of signatures")


def _are_signatures(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and _is_text(one.get("task")) for one in value)


def _is_text(value: Json) -> bool:
    """Whether a value is text that can be written as UTF-8, which lone surrogates cannot, and not too long."""
    raw = _bytes_of(value) if isinstance(value, str) else None
    return raw is not None and len(raw) <= _LONGEST_TEXT


def _is_short(value: Json) -> bool:
    """Whether a value fits AMQP's short string."""
    raw = _bytes_of(value) if isinstance(value, str) else None
    return raw is not None and len(raw) <= _SHORT_STRING


def _bytes_of(text: str) -> bytes | None:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise EnvelopeError(f"the task message would harm a worker: {otherwise}")


def _display() -> Repr:
    shortened = Repr()
    shortened.maxlevel = 4
    shortened.maxdict = shortened.maxlist = shortened.maxtuple = 10
    shortened.maxstring = shortened.maxother = shortened.maxlong = 100
    return shortened


_REPR = _display()
