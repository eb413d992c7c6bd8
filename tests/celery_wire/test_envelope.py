"""No message that could end a worker ever leaves: what is refused, and that nothing slips through."""

import json
import math
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from immutables import Map
from kombu import serialization

from asyncflow.errors import EnvelopeError
from asyncflow.model.commands import PublishTask
from asyncflow.model.flow import Task, TaskKind
from asyncflow.ports import Message
from asyncflow_celery.envelope import check_envelope
from asyncflow_celery.wire import CeleryCodec
from tests.celery_wire.bench import call

LARGEST = 16 * 1024 * 1024


def encode(command: PublishTask, **options) -> Message:
    return CeleryCodec(**options).encode_task(command, reply_to="flows.0", exchange="flows", routing_key="0")


def parts(message: Message) -> list:
    return orjson.loads(message.body)


def test_a_plain_task_is_called_with_its_arguments():
    message = encode(call("proj.add", 1, y=Map({"a": 2}), queue="math", priority=7))
    assert (message.exchange, message.routing_key, message.priority) == ("", "math", 7)
    assert message.headers["task"] == "proj.add"
    assert parts(message)[:2] == [[1], {"y": {"a": 2}}]


def test_a_flow_task_is_called_through_our_envelope():
    task = Task(name="Pack", kind=TaskKind.FLOW, module="m", queue="q")
    command = PublishTask(
        run_id="run",
        root_id="root",
        flow="dinner",
        id="id",
        task=task,
        attempt=2,
        node_args=[1],
        parent=Map({"Buy": "id-1"}),
        results={"id-1": {"x": 1}},
    )
    message = encode(command)
    assert message.headers["task"] == "asyncflow.FlowTask"
    assert parts(message)[:2] == [
        [],
        {
            "task_name": "Pack",
            "flow_name": "dinner",
            "parent": {"Buy": "id-1"},
            "node_args": [1],
            "dispatcher_id": "run",
            "attempt": 2,
            "results": {"id-1": {"x": 1}},
        },
    ]
    assert "results" not in parts(encode(replace(command, results=None)))[1]


def test_an_existing_selinon_worker_gets_selinons_own_message():
    task = Task(name="Pack", kind=TaskKind.SELINON, module="m", queue="q")
    command = PublishTask(run_id="run", root_id="root", flow="dinner", id="id", task=task, attempt=2, node_args=None)
    message = encode(command)
    assert message.headers["task"] == "selinon.SelinonTaskEnvelope"
    assert parts(message)[1] == {
        "task_name": "Pack",
        "flow_name": "dinner",
        "parent": None,
        "node_args": None,
        "dispatcher_id": "run",
    }


def test_a_task_with_an_exchange_goes_there():
    command = call("proj.add", queue="math")
    command = replace(command, task=replace(command.task, exchange="topics", routing_key="a.b"))
    assert (encode(command).exchange, encode(command).routing_key) == ("topics", "a.b")


def test_arguments_that_only_python_takes_for_json_are_written_exactly():
    body = encode(call("proj.add", 2**70, math.inf, x="\ud800")).body
    assert json.loads(body)[:2] == [[2**70, math.inf], {"x": "\ud800"}]


def test_callbacks_name_our_exchange_and_never_a_queue():
    embed = parts(encode(call("proj.add", id="i")))[2]
    for name, task in (("callbacks", "asyncflow.succeeded"), ("errbacks", "asyncflow.failed")):
        [signature] = embed[name]
        assert signature["task"] == task
        assert signature["options"]["exchange"] == "flows"
        assert signature["options"]["routing_key"] == "0"
        assert "queue" not in signature["options"]
    assert parts(encode(call("proj.add"), callbacks=False))[2]["callbacks"] is None


@pytest.mark.parametrize(
    "command",
    [
        call(""),
        call("proj.add", id="x" * 201),
        call("proj.add", root_id="x" * 5000),
        call("proj.add", queue="q" * 256),
        call("proj.add", queue=""),
        call("proj.add", priority=256),
        call("proj.add", priority=-1),
        call("proj.add", time_limit=0),
        call("proj.add", time_limit=-1.0),
        call("proj.add", time_limit=math.nan),
        call("proj.add", time_limit="5"),
        call("proj.add", soft_time_limit=math.inf),
        call("proj.add", soft_time_limit=True),
        call("proj.add", object()),
        call("proj.add", x={1, 2}),
        call("proj.add", {"__type__": "nobody", "__value__": 1}),
        call("proj.add", {"__type__": "datetime", "__value__": "yesterday"}),
        call("proj.add", {"__type__": "uuid", "__value__": [1]}),
        call("proj.add", {"__type__": ["datetime"], "__value__": 1}),
        call("proj.add", x=[{"deep": {"__type__": "decimal", "__value__": "many"}}]),
        call("proj.\ud800"),
        call("proj.add", "x" * LARGEST),
    ],
    ids=lambda command: None,
)
def test_what_a_worker_could_not_take_is_refused(command):
    with pytest.raises(EnvelopeError):
        encode(command)


def test_a_value_nested_too_deep_is_refused():
    value: list = []
    for _ in range(2000):
        value = [value]
    with pytest.raises(EnvelopeError):
        encode(call("proj.add", value))


MALFORMED = {
    "no id": lambda m: replace(m, headers={**m.headers, "id": None}),
    "number as id": lambda m: replace(m, headers={**m.headers, "id": 5}),
    "another id than the correlation id": lambda m: replace(m, correlation_id="other"),
    "no task": lambda m: replace(m, headers={name: v for name, v in m.headers.items() if name != "task"}),
    "no content type": lambda m: replace(m, content_type=""),
    "pickle": lambda m: replace(m, content_type="application/x-python-serialize"),
    "scalar time limit": lambda m: replace(m, headers={**m.headers, "timelimit": 5}),
    "short time limit": lambda m: replace(m, headers={**m.headers, "timelimit": [5]}),
    "an eta": lambda m: replace(m, headers={**m.headers, "eta": "tomorrow"}),
    "a group": lambda m: replace(m, headers={**m.headers, "group": "g"}),
    "stamp without value": lambda m: replace(m, headers={**m.headers, "stamped_headers": ["a", "b"]}),
    "retries as text": lambda m: replace(m, headers={**m.headers, "retries": "1"}),
    "argsrepr as list": lambda m: replace(m, headers={**m.headers, "argsrepr": []}),
    "two parts": lambda m: replace(m, body=b"[[],{}]"),
    "null": lambda m: replace(m, body=b"null"),
    "kwargs null": lambda m: replace(m, body=b'[[],null,{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]'),
    "args null": lambda m: replace(m, body=b'[null,{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]'),
    "a chain": lambda m: replace(m, body=b'[[],{},{"callbacks":null,"errbacks":null,"chain":[],"chord":null}]'),
    "callbacks of text": lambda m: replace(
        m, body=b'[[],{},{"callbacks":["x"],"errbacks":null,"chain":null,"chord":null}]'
    ),
    "no JSON": lambda m: replace(m, body=b"{"),
    "no UTF-8": lambda m: replace(m, body=b'["\xff"]'),
}


@pytest.mark.parametrize("spoil", MALFORMED.values(), ids=MALFORMED.keys())
def test_every_message_that_is_known_to_harm_workers_is_refused(spoil):
    message = encode(call("proj.add", 1))
    check_envelope(message, largest=LARGEST)
    with pytest.raises(EnvelopeError):
        check_envelope(spoil(message), largest=LARGEST)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["__type__", "datetime", "uuid"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
        | st.fixed_dictionaries({"__type__": inner, "__value__": inner})
    ),
    max_leaves=12,
)
NAME = st.text(min_size=1, max_size=20)


def mostly(sound, odd):
    """So that about half of all commands are sound, and odd values come alone as well as together."""
    return st.integers(0, 19).flatmap(lambda lot: sound if lot else odd)


ANY_NAME = mostly(NAME, st.text(st.characters(), max_size=300))
SECONDS = mostly(st.none() | st.integers(1, 100), st.floats() | st.integers())
VALUE = mostly(st.none() | st.integers(-9, 9) | st.lists(NAME), JSON)
OBJECT = mostly(st.none(), st.dictionaries(st.text(), JSON, max_size=3))
COMMANDS = st.builds(
    PublishTask,
    run_id=ANY_NAME,
    root_id=ANY_NAME,
    flow=ANY_NAME,
    id=ANY_NAME,
    attempt=st.integers(1, 9),
    node_args=VALUE,
    parent=OBJECT,
    args=st.lists(VALUE, max_size=3).map(tuple),
    kwargs=OBJECT,
    results=OBJECT,
    task=st.builds(
        Task,
        name=ANY_NAME,
        kind=st.sampled_from(TaskKind),
        celery_task=ANY_NAME,
        queue=ANY_NAME,
        exchange=ANY_NAME,
        routing_key=ANY_NAME,
        time_limit=SECONDS,
        soft_time_limit=SECONDS,
        priority=mostly(st.none() | st.integers(0, 255), st.integers()),
    ),
)


@settings(max_examples=400, deadline=None)
@given(COMMANDS)
def test_whatever_is_asked_for_is_refused_or_fit_for_a_worker(command):
    try:
        message = encode(command)
    except EnvelopeError:
        return
    check_envelope(message, largest=LARGEST)
    # What a worker does first with a message: decode it as kombu does, and take it apart.
    args, kwargs, embed = serialization.loads(
        message.body, message.content_type, message.content_encoding, accept={"application/json"}
    )
    assert isinstance(args, list)
    assert isinstance(kwargs, dict)
    assert set(embed) == {"callbacks", "errbacks", "chain", "chord"}


ID = mostly(st.from_regex(r"[a-z0-9-]{1,36}", fullmatch=True), ANY_NAME)
CALLS = st.tuples(ID, ID, ID, st.lists(VALUE, max_size=3).map(tuple), OBJECT, VALUE, OBJECT, OBJECT)


@settings(max_examples=400, deadline=None)
@given(COMMANDS, st.lists(CALLS, min_size=1, max_size=3), st.booleans())
def test_a_message_from_a_template_is_the_one_that_is_built_and_checked_anew(command, calls, callbacks):
    codec = CeleryCodec(callbacks=callbacks)
    encoded(codec, command)
    for id, run_id, root_id, args, kwargs, node_args, parent, results in calls:
        again = replace(command, id=id, run_id=run_id, root_id=root_id, args=args, kwargs=kwargs)
        again = replace(again, node_args=node_args, parent=parent, results=results)
        assert encoded(codec, again) == encoded(CeleryCodec(callbacks=callbacks), again)


def encoded(codec: CeleryCodec, command: PublishTask) -> Message | None:
    try:
        return codec.encode_task(command, reply_to="flows.0", exchange="flows", routing_key="0")
    except EnvelopeError:
        return None


def test_plain_calls_after_the_first_come_from_the_template():
    codec = CeleryCodec()
    first = call("proj.add", 1, id="id-1")
    encoded(codec, first)
    [template] = codec._templates.values()
    again = replace(first, id="id-2", args=({"x": [1.5, None, "ä"]},))
    assert template.filled(again, list(again.args), {}) == encoded(CeleryCodec(), again)


def test_a_template_is_not_used_for_another_task_of_the_same_name_or_for_another_queue_of_ours():
    codec = CeleryCodec()
    first = call("proj.add", 1)
    encoded(codec, first)
    moved = replace(first, task=replace(first.task, queue="elsewhere"))
    assert encoded(codec, moved).routing_key == "elsewhere"
    message = codec.encode_task(first, reply_to="flows.1", exchange="flows", routing_key="1")
    assert message.reply_to == "flows.1"
    assert parts(message)[2]["callbacks"][0]["options"]["routing_key"] == "1"
