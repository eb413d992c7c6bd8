"""Why attempts failed, as the events of workers tell it."""

from __future__ import annotations

import orjson
import pytest

from asyncflow.model.events import Blame
from asyncflow.model.names import Json
from asyncflow.ports import Delivery, Progress
from asyncflow_celery.fleet import reports

STACK = 'Traceback (most recent call last):\n  File "/x/trace.py", line 1, in trace_task\n    R = fun()\n'


@pytest.mark.parametrize(
    ("exception", "traceback", "told"),
    [
        ("ValueError('because')", STACK + "ValueError: because\n", ("builtins", "ValueError", "because")),
        (
            "OwnError('bad', {'k': 1})",
            STACK + "t.OwnError: ('bad', {'k': 1})\n",
            ("t", "OwnError", "('bad', {'k': 1})"),
        ),
        ("KeyError('a: b')", STACK + "KeyError: 'a: b'\n", ("builtins", "KeyError", "'a: b'")),
        ("E('two\\nlines')", STACK + "a.b.E: two\n  lines\n", ("a.b", "E", "two\n  lines")),
        ("E()", STACK + "a.E\n", ("a", "E", "")),
        ("<odd>", STACK + "t.Odd: <odd>\n", ("t", "Odd", "<odd>")),
        ("NotRegistered('t.x')", None, ("celery.exceptions", "NotRegistered", "t.x")),
        ("Own('x')", None, ("", "Own", "x")),
        # Celery 5.7 sends this for a hard time limit, and the reason in the traceback alone.
        (
            "ExceptionWithTraceback()",
            STACK + "billiard.exceptions.TimeLimitExceeded: TimeLimitExceeded(1,)\n",
            ("billiard.exceptions", "TimeLimitExceeded", "TimeLimitExceeded(1,)"),
        ),
        ("ExceptionWithTraceback()", None, ("", "Exception", "")),
        ("<odd>", None, ("", "Exception", "<odd>")),
        (None, ["?"], ("", "Exception", "")),
    ],
)
def test_an_exception_is_read_from_its_repr_and_its_traceback(exception: Json, traceback: Json, told: object) -> None:
    event = {"type": "task-failed", "hostname": "w", "uuid": "a", "exception": exception, "traceback": traceback}
    [report] = reports(Delivery(body=orjson.dumps([event]), content_type="application/json"))
    found = report.completion
    assert found is not None
    assert (found.id, found.progress, found.worker, found.conclusive) == ("a", Progress.FAILED, "w", True)
    assert found.error is not None
    assert (found.error.module, found.error.type, found.error.message) == told
    infrastructure = found.error.type in {"NotRegistered", "TimeLimitExceeded"}
    assert found.blame is (Blame.INFRASTRUCTURE if infrastructure else Blame.TASK)


def test_a_revoked_attempt_is_told_as_such_and_what_a_result_is_is_not() -> None:
    events = [
        {"type": "task-revoked", "hostname": "w", "uuid": "a", "terminated": False, "expired": True},
        {"type": "task-succeeded", "hostname": "w", "uuid": "b", "result": "'cut sho"},
        {"type": "task-failed", "hostname": "w", "exception": "E()"},
    ]
    revoked, succeeded, nameless = reports(Delivery(body=orjson.dumps(events), content_type="application/json"))
    assert revoked.completion is not None
    assert revoked.completion.blame is Blame.REVOKED
    assert str(revoked.completion.error) == "TaskRevokedError: expired"
    assert succeeded.completion is None
    assert nameless.completion is None
