"""Where events go, and that nothing which happens there disturbs anyone."""

from __future__ import annotations

import io
import json
import logging
import os
import platform
import sys
from collections.abc import Iterator
from threading import Event, get_ident
from typing import Any

import pytest
import sentry_sdk

from asyncflow.adapters.tracing import Tracer, open_tracer
from asyncflow.adapters.tracing.sentry import SentrySink
from asyncflow.adapters.tracing.sinks import JsonSink, log_line
from asyncflow.model.flow import Trace
from asyncflow.model.trace_events import WARNINGS, Traced, TraceEvent
from asyncflow.storages import OpenStorages
from asyncflow_selinon.trace import Trace as SelinonTrace
from tests.tracing import functions, own_storages
from tests.tracing.recorded import DETAILS
from tests.tracing.test_worker_events import storage

NEVER = {
    "DISPATCHER_WAKEUP",
    "DISPATCHER_RETRY",
    "NODE_STATE_CACHE_GET",
    "NODE_STATE_CACHE_ADD",
    "NODE_STATE_CACHE_MISS",
    "NODE_STATE_CACHE_HIT",
    "NODE_STATE_CACHE_ISSUE",
    "RESULT_BACKEND_ISSUE",
    "STORAGE_DISCONNECT",
    "STORAGE_RETRIEVED",
    "STORAGE_STORED",
    "MIGRATION_SKEW",
    "MIGRATION_TAINTED_FLOW",
    "MIGRATION_ERROR",
}
"""What only polling had, what Selinon has a name for and never tells, and what nothing here does."""


def no_storage(name: str) -> Any:
    raise AssertionError(name)


@pytest.fixture(autouse=True)
def _nothing_told() -> Iterator[None]:
    functions.told.clear()
    own_storages.Diary.written.clear()
    yield
    functions.told.clear()


def test_names_and_numbers_are_those_of_selinon() -> None:
    assert [event.value for event in TraceEvent] == list(range(len(TraceEvent)))
    assert TraceEvent.STORAGE_DELETED == 52  # Selinon's last: ours come after it
    assert {event.name: event.value for event in TraceEvent} == {
        event.name: getattr(SelinonTrace, event.name) for event in TraceEvent
    }
    assert set(SelinonTrace.WARN_EVENTS) == set(WARNINGS)


def test_every_event_is_either_traced_or_known_never_to_be() -> None:
    assert {event.name for event in TraceEvent} == set(DETAILS) | NEVER
    assert not set(DETAILS) & NEVER


def test_without_anything_configured_there_is_no_tracer() -> None:
    assert open_tracer((), no_storage) is None


def test_a_function_is_called_with_the_number_and_the_details_in_another_thread() -> None:
    options = {"import": "tests.tracing.functions", "name": "note"}
    tracer = open_tracer([Trace(kind="function", options=options)], no_storage)
    assert tracer is not None

    tracer.emit(TraceEvent.TASK_START, {"task_name": "A"})

    assert tracer.finish(5)
    ((event, details, thread),) = functions.told
    assert (event, details) == (4, {"task_name": "A"})
    assert thread != get_ident()


def test_a_storage_is_connected_and_its_method_is_called() -> None:
    storages = OpenStorages({"Diary": storage("Diary", "Diary")}, environ={})
    traces = [
        Trace(kind="storage", options={"name": "Diary", "method": "trace"}),
        Trace(kind="storage", options={"name": "Diary", "method": "note"}),
    ]
    tracer = open_tracer(traces, lambda name: storages.named(name).call)
    assert tracer is not None

    tracer.emit(TraceEvent.FLOW_START, {"flow_name": "f"})

    assert tracer.finish(5)
    assert sorted(own_storages.Diary.written, key=str) == [("noted", 2), (2, {"flow_name": "f"})]


def test_the_log_line_is_selinons(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    log_line(Traced(event=TraceEvent.FLOW_START, at=0.0, details={"flow_name": "f"}))
    log_line(Traced(event=TraceEvent.TASK_RETRY, at=0.0, details={}))
    log_line(Traced(event=TraceEvent.DISPATCHER_FAILURE, at=0.0, details={}))

    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "ERROR"]
    told = '{"details": {"flow_name": "f"}, "event": "FLOW_START", "time": "1970-01-01 00:00:00"}'
    assert caplog.records[0].getMessage() == f"SELINON {platform.node():>10} - FLOW_START : {told}"


def test_json_lines_of_warnings_go_to_stderr_and_others_to_stdout() -> None:
    output, errors = io.StringIO(), io.StringIO()
    sink = JsonSink(output, errors)

    sink(Traced(event=TraceEvent.FLOW_END, at=0.5, details={"odd": {1}}))
    sink(Traced(event=TraceEvent.FLOW_FAILURE, at=0.5, details={}))

    (line,) = output.getvalue().splitlines()
    assert json.loads(line) == {
        "event": "FLOW_END",
        "time": "1970-01-01 00:00:00.500000",
        "details": {"odd": "{1}"},
        "node": platform.node(),
    }
    assert json.loads(errors.getvalue())["event"] == "FLOW_FAILURE"


def test_a_sink_that_raises_is_logged_once_and_hears_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[TraceEvent] = []

    def complain(traced: Traced) -> None:
        heard.append(traced.event)
        raise ValueError("no")

    tracer = Tracer({"function f": complain})

    for _ in range(3):
        tracer.emit(TraceEvent.FLOW_START, {})

    assert tracer.finish(5)
    assert len(heard) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "trace: function f failed at FLOW_START: ValueError('no')"
    ]


def test_events_that_cannot_be_made_do_not_end_the_tracing() -> None:
    heard: list[Traced] = []
    tracer = Tracer({"sink": heard.append})

    def broken() -> list[Traced]:
        raise KeyError("x")

    tracer.emit_later(1, broken)
    tracer.emit(TraceEvent.FLOW_START, {})

    assert tracer.finish(5)
    assert len(heard) == 1


def test_a_sink_that_hangs_holds_up_nobody_and_what_it_misses_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    release, heard = Event(), []
    tracer = Tracer({"hanging": lambda traced: release.wait(30), "other": heard.append}, most=10)

    for _ in range(25):
        tracer.emit(TraceEvent.FLOW_START, {})
        assert tracer._here()[1].finish(5)

    assert len(heard) == 25
    assert tracer.dropped == {"hanging": 15, "other": 0}
    assert [record.getMessage() for record in caplog.records] == [
        "trace: hanging is too slow; what it does not get to is dropped from now on"
    ]
    assert not tracer.finish(0.01)
    release.set()
    assert tracer.finish(5)


def test_a_forked_process_traces_with_a_thread_of_its_own(tmp_path: Any) -> None:
    path = tmp_path / "told"

    def write(traced: Traced) -> None:
        with path.open("a") as file:
            file.write(f"{os.getpid()}\n")

    tracer = Tracer({"file": write})
    tracer.emit(TraceEvent.FLOW_START, {})
    assert tracer.finish(5)

    child = os.fork()
    if child == 0:
        tracer.emit(TraceEvent.FLOW_START, {})
        os._exit(0 if tracer.finish(5) else 1)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert path.read_text().split() == [str(os.getpid()), str(child)]


def test_sentry_without_its_package_is_a_warning_that_says_what_to_install(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)  # what an absent package looks like to the import system

    tracer = open_tracer([Trace(kind="sentry", options={"dsn": "https://key@localhost/1"})], no_storage)

    assert tracer is None
    assert "pip install 'asyncflow-dispatcher[sentry]'" in caplog.text


def test_sentry_gets_a_message_for_a_run_that_fails_for_good_and_no_other() -> None:
    sent: list[dict[str, Any]] = []
    with sentry_sdk.isolation_scope():
        sentry_sdk.init("https://key@localhost/1", transport=_Kept(sent), default_integrations=False)
        sink = SentrySink(sentry_sdk)
        details = {"flow_name": "f", "dispatcher_id": "run-1", "node_args": None, "state": {}, "what": "burnt"}

        sink(Traced(event=TraceEvent.FLOW_START, at=0.0, details=details))
        sink(Traced(event=TraceEvent.FLOW_FAILURE, at=0.0, details={**details, "will_retry": True}))
        sink(Traced(event=TraceEvent.FLOW_FAILURE, at=0.0, details={**details, "will_retry": False}))
        sentry_sdk.get_client().close()

    assert [one["message"] for one in sent] == ["flow f failed: burnt"]
    assert sent[0]["tags"] == {"flow": "f", "run": "run-1"}


class _Kept(sentry_sdk.Transport):
    """Sends nothing."""

    def __init__(self, sent: list[dict[str, Any]]) -> None:
        super().__init__()
        self._sent = sent

    def capture_envelope(self, envelope: Any) -> None:
        event = envelope.get_event()
        if event is not None:
            self._sent.append(event)
