"""Reports of workers as bytes: what each means, and what is refused because it is none."""

import json
import math
import zlib

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncflow.errors import EnvelopeError
from asyncflow.model.events import Blame
from asyncflow.ports import Completion, Delivery, Progress
from asyncflow_celery.wire import CeleryCodec


def delivery(body, **changes) -> Delivery:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    given = {"content_type": "application/json", "content_encoding": "utf-8", "correlation_id": "", **changes}
    return Delivery(body=raw, **given)


def decode(body, **changes) -> Completion:
    return CeleryCodec().decode_completion(delivery(body, **changes))


def failure(type: str, module: str, *args, status: str = "FAILURE") -> dict:
    result = {"exc_type": type, "exc_message": list(args), "exc_module": module}
    return {"task_id": "i", "status": status, "result": result, "traceback": None, "children": []}


def callback(name: str, args: list, **changes) -> Delivery:
    headers = {"task": f"asyncflow.{name}", "id": "done:i", "asyncflow_attempt": "i"}
    return delivery([args, {}, {"callbacks": None}], headers=headers, **changes)


def test_a_success_carries_its_result():
    found = decode({"task_id": "i", "status": "SUCCESS", "result": {"x": [1]}}, correlation_id="i")
    assert found == Completion(id="i", progress=Progress.SUCCEEDED, result={"x": [1]})


def test_typed_values_in_a_result_stay_what_they_are_as_json():
    typed = {"__type__": "datetime", "__value__": "2024-01-01T00:00:00"}
    assert decode({"task_id": "i", "status": "SUCCESS", "result": typed}).result == typed


@pytest.mark.parametrize(
    ("type", "module", "blame"),
    [
        ("WorkerLostError", "billiard.exceptions", Blame.INFRASTRUCTURE),
        ("TimeLimitExceeded", "billiard.exceptions", Blame.INFRASTRUCTURE),
        ("OperationalError", "kombu.exceptions", Blame.INFRASTRUCTURE),
        ("NotRegistered", "celery.exceptions", Blame.INFRASTRUCTURE),
        ("BackendStoreError", "celery.exceptions", Blame.INFRASTRUCTURE),
        ("PreconditionFailed", "amqp.exceptions", Blame.INFRASTRUCTURE),
        ("SoftTimeLimitExceeded", "billiard.exceptions", Blame.TASK),
        ("EncodeError", "kombu.exceptions", Blame.TASK),
        ("OperationalError", "sqlalchemy.exc", Blame.TASK),
        ("WorkerLostError", "proj.errors", Blame.TASK),
    ],
)
def test_a_failure_is_blamed_by_the_module_and_name_of_its_exception(type, module, blame):
    found = decode(failure(type, module, "why"))
    assert (found.progress, found.blame) == (Progress.FAILED, blame)
    assert str(found.error) == f"{type}: why"


def test_a_revoked_attempt_is_blamed_on_nobody():
    found = decode(failure("TaskRevokedError", "celery.exceptions", "terminated", status="REVOKED"))
    assert (found.progress, found.blame, found.error.message) == (Progress.FAILED, Blame.REVOKED, "terminated")


@pytest.mark.parametrize("result", [None, "text", 5, {"exc_type": 5}, ["x"]])
def test_a_failure_that_is_told_oddly_is_still_a_failure(result):
    found = decode({"task_id": "i", "status": "FAILURE", "result": result, "traceback": 7})
    assert (found.progress, found.error.type) == (Progress.FAILED, "Exception")


def test_a_success_callback_carries_the_result_and_a_failure_callback_no_reason():
    codec = CeleryCodec()
    done = codec.decode_completion(callback("succeeded", [None]))
    assert (done.id, done.progress, done.result) == ("i", Progress.SUCCEEDED, None)
    failed = codec.decode_completion(callback("failed", ["i"]))
    assert (failed.id, failed.progress, failed.conclusive) == ("i", Progress.FAILED, False)


def test_a_compressed_result_is_read_up_to_the_limit():
    content = {"task_id": "i", "status": "SUCCESS", "result": "x" * 1000}
    packed = zlib.compress(orjson.dumps(content))
    headers = {"compression": "application/x-gzip"}
    assert decode(packed, headers=headers).result == "x" * 1000
    with pytest.raises(EnvelopeError, match="holds more than 500 bytes"):
        CeleryCodec(largest=500).decode_completion(delivery(packed, headers=headers))


RESULT = {"task_id": "i", "status": "SUCCESS", "result": 1}
REFUSED = {
    "pickle": delivery(RESULT, content_type="application/x-python-serialize"),
    "yaml": delivery(RESULT, content_type="application/x-yaml"),
    "no content type": delivery(RESULT, content_type=""),
    "latin-1": delivery(RESULT, content_encoding="latin-1"),
    "bzip2": delivery(RESULT, headers={"compression": "application/x-bz2"}),
    "broken zlib": delivery(b"x", headers={"compression": "application/x-gzip"}),
    "no JSON": delivery(b"{"),
    "empty": delivery(b""),
    "random bytes": delivery(b"\xff\x00"),
    "too large": delivery(b" " * (16 * 1024 * 1024 + 1)),
    "too deep": delivery(b"[" * 5000 + b"]" * 5000),
    "too deep for the stack": delivery(b"[" * 200_000 + b"]" * 200_000),
    "deep result": delivery(b'{"task_id":"i","status":"SUCCESS","result":' + b"[" * 300 + b"]" * 300 + b"}"),
    "a list": delivery([]),
    "null": delivery(None),
    "no status": delivery({"task_id": "i"}),
    "no task id": delivery({"status": "SUCCESS"}),
    "a number as task id": delivery({"status": "SUCCESS", "task_id": 5}),
    "another correlation id": delivery(RESULT, correlation_id="other"),
    "another task": delivery([[1], {}, {}], headers={"task": "proj.add", "asyncflow_attempt": "i"}),
    "callback without our header": delivery([[1], {}, {}], headers={"task": "asyncflow.succeeded"}),
    "callback without argument": callback("succeeded", []),
    "callback of another task": callback("failed", ["other"]),
    "callback that is no call": delivery({}, headers={"task": "asyncflow.failed", "asyncflow_attempt": "i"}),
    "control reply": delivery({"worker@host": {"ok": "pong"}}),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_report_is_refused(refused):
    with pytest.raises(EnvelopeError):
        CeleryCodec().decode_completion(refused)


@pytest.mark.parametrize(
    "value", ["Infinity", "[-Infinity]", '"\\ud800"', "18446744073709551616", "-123456789012345678901"]
)
def test_a_result_that_only_python_takes_for_json_is_read_exactly(value):
    found = decode(b'{"task_id":"i","status":"SUCCESS","result":%b}' % value.encode())
    assert found.result == json.loads(value)


def test_nan_is_a_result_like_any_other():
    found = decode(b'{"task_id":"i","status":"SUCCESS","result":NaN}')
    assert math.isnan(found.result)


HEADER = st.none() | st.text(max_size=10) | st.integers() | st.sampled_from(["asyncflow.succeeded", "asyncflow.failed"])
VALUE = st.recursive(st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6), st.lists, max_leaves=6)
CONTENT = st.dictionaries(
    st.sampled_from(["task_id", "status", "result", "traceback", "worker"]),
    VALUE
    | st.sampled_from(["SUCCESS", "FAILURE", "RETRY", "STARTED", "i"])
    | st.dictionaries(st.sampled_from(["exc_type", "exc_message", "exc_module", "hostname"]), VALUE),
)


@settings(max_examples=500, deadline=None)
@given(
    body=st.binary(max_size=60) | CONTENT.map(orjson.dumps) | st.lists(VALUE, max_size=4).map(orjson.dumps),
    headers=st.dictionaries(st.sampled_from(["task", "asyncflow_attempt", "compression"]), HEADER),
)
def test_anything_that_comes_in_is_a_report_or_refused(body, headers):
    try:
        found = CeleryCodec().decode_completion(delivery(body, headers=headers))
    except EnvelopeError:
        return
    assert isinstance(found.id, str)
    orjson.dumps([found.result, found.how_far, found.worker, found.error])
