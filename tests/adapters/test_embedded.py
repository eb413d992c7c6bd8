import asyncio
import json
import logging
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest
from celery import Celery, _state

from asyncflow.adapters.embedded import EmbeddedBroker, embedded_worker
from asyncflow.errors import BrokerError
from asyncflow.model.commands import PublishTask
from asyncflow.model.events import Blame
from asyncflow.model.flow import Configuration, Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, RunId, TaskId
from asyncflow.ports import Completion, Delivery, Message, Progress, Published
from asyncflow_celery import configure
from asyncflow_celery.local import LOCAL
from asyncflow_celery.wire import CeleryCodec

USERS_BROKER = "amqp://nobody@nowhere.invalid//"
IDS = count(1)
DEADLINE = 10.0


@pytest.fixture
def app() -> Iterator[Celery]:
    """The app of a user, whose broker and result backend are elsewhere and cannot be reached."""
    app = Celery("users", broker=USERS_BROKER, backend="redis://nowhere.invalid/0", set_as_current=False)
    yield app
    app.close()


def message_for(
    broker: EmbeddedBroker, task: str, *args: object, queue: str = "celery", callbacks: bool = False
) -> Message:
    command = PublishTask(
        run_id=RunId("run"),
        root_id=RunId("run"),
        flow=FlowName("flow"),
        id=TaskId(f"attempt-{next(IDS)}"),
        task=Task(name=NodeName("Node"), kind=TaskKind.CELERY, celery_task=task, queue=queue),
        attempt=1,
        args=args,
    )
    return CeleryCodec(callbacks=callbacks).encode_task(
        command, reply_to=broker.reply_queue, exchange=broker.callback_exchange, routing_key=broker.callback_key
    )


async def receive(broker: EmbeddedBroker, number: int = 1) -> list[Delivery]:
    deliveries: list[Delivery] = []
    async with asyncio.timeout(DEADLINE):
        while len(deliveries) < number:
            deliveries += await broker.receive(number - len(deliveries))
    await broker.ack(deliveries)
    return deliveries


async def completions(broker: EmbeddedBroker, number: int = 1) -> list[Completion]:
    """Ends of attempts; that they start is told too."""
    ended: list[Completion] = []
    while len(ended) < number:
        told = [CeleryCodec().decode_completion(delivery) for delivery in await receive(broker)]
        ended += [one for one in told if one.progress is not Progress.STARTED]
    return ended


async def outcome(broker: EmbeddedBroker, task: str, *args: object) -> Completion:
    message = message_for(broker, task, *args)
    assert await broker.publish([message]) == [Published.CONFIRMED]
    [completion] = await completions(broker)
    assert completion.id == message.correlation_id
    return completion


@asynccontextmanager
async def embedded(app: Celery | None, *, concurrency: int = 2) -> AsyncIterator[EmbeddedBroker]:
    async with EmbeddedBroker() as broker:
        with embedded_worker(app, broker=broker, queues=["celery"], concurrency=concurrency):
            yield broker


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not holds():
            await asyncio.sleep(0.002)


# --- What tasks do ----------------------------------------------------------------------------------------------------


async def test_a_task_that_returns_succeeds_with_its_value(app):
    @app.task(name="add", shared=False)
    def add(x, y):
        return {"sum": x + y}

    async with embedded(app) as broker:
        completion = await outcome(broker, "add", 1, 2)
    assert (completion.progress, completion.result) == (Progress.SUCCEEDED, {"sum": 3})


async def test_a_task_that_raises_fails_with_its_error(app):
    @app.task(name="boom", shared=False)
    def boom():
        raise ValueError("no good")

    async with embedded(app) as broker:
        completion = await outcome(broker, "boom")
    assert completion.progress is Progress.FAILED
    assert (completion.error.type, completion.error.message) == ("ValueError", "no good")
    assert completion.blame is Blame.TASK
    assert "raise ValueError" in completion.error.traceback


async def test_a_result_that_is_not_json_fails_the_attempt(app):
    @app.task(name="thing", shared=False)
    def thing():
        return object()

    async with embedded(app) as broker:
        completion = await outcome(broker, "thing")
    assert completion.progress is Progress.FAILED
    assert completion.error.type == "EncodeError"


async def test_a_task_name_that_the_worker_does_not_know_fails_the_attempt(app):
    async with embedded(app) as broker:
        completion = await outcome(broker, "nobody.knows.it")
    assert (completion.progress, completion.error.type) == (Progress.FAILED, "NotRegistered")
    assert completion.blame is Blame.INFRASTRUCTURE


async def test_a_task_that_retries_by_itself_says_so_and_keeps_its_id(app):
    @app.task(name="fickle", shared=False, bind=True)
    def fickle(self):
        if self.request.retries < 2:
            raise self.retry(countdown=0.05, exc=OSError("not yet"))
        return self.request.retries

    async with embedded(app) as broker:
        message = message_for(broker, "fickle")
        await broker.publish([message])
        reports = await completions(broker, 3)
    # In no certain order: Celery sends the task again first, and reports that it retries afterwards.
    heard = Counter((one.progress, one.result) for one in reports)
    assert heard == {(Progress.RETRYING, None): 2, (Progress.SUCCEEDED, 2): 1}
    assert {one.id for one in reports} == {message.correlation_id}


async def test_exiting_the_interpreter_fails_the_attempt_and_not_the_worker(app):
    @app.task(name="leave", shared=False)
    def leave():
        sys.exit(3)

    @app.task(name="stay", shared=False)
    def stay():
        return "here"

    async with embedded(app, concurrency=1) as broker:
        assert (await outcome(broker, "leave")).progress is Progress.FAILED
        assert (await outcome(broker, "stay")).result == "here"


async def test_callbacks_reach_us_through_our_exchange(app):
    @app.task(name="half", shared=False)
    def half(x):
        if x % 2:
            raise ValueError(x)
        return x // 2

    async with embedded(app) as broker:
        even, odd = (message_for(broker, "half", x, callbacks=True) for x in (4, 3))
        await broker.publish([even, odd])
        reports = await completions(broker, 4)
    heard = {(one.id, one.progress, one.conclusive) for one in reports}
    assert heard == {
        (even.correlation_id, Progress.SUCCEEDED, True),
        (odd.correlation_id, Progress.FAILED, True),
        (odd.correlation_id, Progress.FAILED, False),
    }
    assert [one.result for one in reports if one.progress is Progress.SUCCEEDED] == [2, 2]


async def test_two_hundred_messages_at_once_are_each_answered_once(app):
    @app.task(name="echo", shared=False)
    def echo(x):
        return x

    async with embedded(app, concurrency=4) as broker:
        messages = [message_for(broker, "echo", x) for x in range(200)]
        assert await broker.publish(messages) == [Published.CONFIRMED] * 200
        reports = await completions(broker, 200)
    expected = {message.correlation_id: x for x, message in enumerate(messages)}
    assert {one.id: one.result for one in reports} == expected


async def test_tasks_run_side_by_side_up_to_the_concurrency(app):
    meeting = threading.Barrier(3, timeout=DEADLINE)

    @app.task(name="meet", shared=False)
    def meet():
        return meeting.wait() >= 0

    async with embedded(app, concurrency=3) as broker:
        await broker.publish([message_for(broker, "meet") for _ in range(3)])
        assert [one.result for one in await completions(broker, 3)] == [True] * 3


async def test_more_tasks_than_a_worker_prefetches_flow_through_one_thread_without_delay(app):
    @app.task(name="empty", shared=False)
    def empty(): ...

    async with embedded(app, concurrency=1) as broker:
        began = time.monotonic()
        await broker.publish([message_for(broker, "empty") for _ in range(50)])
        await completions(broker, 50)
        # Were an acknowledgement not to wake the worker, every fourth message would wait for two seconds.
        assert time.monotonic() - began < 2


async def test_a_task_that_calls_another_uses_the_embedded_broker(app):
    @app.task(name="inner", shared=False)
    def inner(x):
        return reached.append(x)

    @app.task(name="outer", shared=False)
    def outer():
        inner.delay(7)

    reached: list[int] = []
    async with embedded(app) as broker:
        assert (await outcome(broker, "outer")).progress is Progress.SUCCEEDED
        await until(lambda: reached == [7])


async def test_an_attempt_revoked_in_its_queue_does_not_run(app):
    gate = threading.Event()
    ran: list[int] = []

    @app.task(name="wait", shared=False)
    def wait(x):
        gate.wait(DEADLINE)
        ran.append(x)

    async with embedded(app, concurrency=1) as broker:
        messages = [message_for(broker, "wait", x) for x in range(8)]
        await broker.publish(messages)
        revoke = CeleryCodec().encode_revoke([TaskId(messages[-1].correlation_id)], terminate=True)
        assert await broker.publish([revoke]) == [Published.CONFIRMED]
        [pidbox] = broker_queues(broker, "pidbox")
        await until(lambda: broker.hub.size(pidbox) == 0)
        gate.set()
        reports = await completions(broker, 8)
    [revoked] = [one for one in reports if one.progress is Progress.FAILED]
    assert (revoked.id, revoked.blame) == (messages[-1].correlation_id, Blame.REVOKED)
    assert ran == list(range(7))


def broker_queues(broker: EmbeddedBroker, ending: str) -> list[str]:
    return [name for name in broker.hub._queues if name.endswith(ending)]


FLOW_TASKS = """
from asyncflow_celery import FlowTask

class Greet(FlowTask):
    tries = []

    def run(self, node_args):
        self.tries.append(self.attempt)
        if len(self.tries) == 1:
            self.retry(countdown=0)
        return f"{self.parent_task_result('First')}, {node_args['name']}"
"""


async def test_a_flow_task_runs_through_the_plugin_and_reads_its_parents_result(tmp_path, monkeypatch):
    (tmp_path / "embedded_flow_tasks.py").write_text(FLOW_TASKS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(LOCAL, "_declared", None)  # so that it is put back afterwards
    task = Task(name=NodeName("Greet"), kind=TaskKind.FLOW, module="embedded_flow_tasks", classname="Greet", queue="q")
    configure(Configuration(tasks={task.name: task}, flows={}))
    command = PublishTask(
        run_id=RunId("run"),
        root_id=RunId("run"),
        flow=FlowName("flow"),
        id=TaskId("attempt"),
        task=task,
        attempt=1,
        node_args={"name": "Ann"},
        parent={"First": "first-id"},
        results={"first-id": "Hello"},
    )
    async with EmbeddedBroker() as broker:
        message = CeleryCodec().encode_task(command, reply_to=broker.reply_queue, exchange="", routing_key="")
        with embedded_worker(None, broker=broker, queues=["q"], concurrency=1, include=["asyncflow_celery.worker"]):
            assert await broker.publish([message]) == [Published.CONFIRMED]
            reports = await completions(broker, 2)
    heard = {(one.progress, one.result) for one in reports}
    assert heard == {(Progress.RETRYING, None), (Progress.SUCCEEDED, "Hello, Ann")}


# --- The broker -------------------------------------------------------------------------------------------------------


async def test_a_queue_that_no_worker_consumes_is_unroutable(app):
    async with EmbeddedBroker() as broker:
        first, second = (message_for(broker, "any", queue=queue) for queue in ("math", "celery"))
        assert await broker.publish([first]) == [Published.UNROUTABLE]
        with embedded_worker(app, broker=broker, queues=["math"], concurrency=1):
            assert await broker.publish([second, first]) == [Published.UNROUTABLE, Published.CONFIRMED]
            [report] = await completions(broker)
    assert report.id == first.correlation_id


async def test_an_exchange_that_nobody_declared_is_unroutable():
    async with EmbeddedBroker() as broker:
        message = Message(exchange="nowhere", routing_key="key", body=b"{}")
        assert await broker.publish([message]) == [Published.UNROUTABLE]


async def test_a_message_arrives_as_it_was_sent():
    sent = Message(
        routing_key="client",
        body='{"é": 1}'.encode(),
        headers={"nested": {"list": [1, None, True]}},
        type="asyncflow.request",
        correlation_id="c-1",
        reply_to="dispatcher",
    )
    async with EmbeddedBroker() as broker, EmbeddedBroker(hub=broker.hub, queue="client") as client:
        assert await broker.publish([sent]) == [Published.CONFIRMED]
        [got] = await receive(client)
    for name in ("body", "headers", "type", "content_type", "content_encoding", "correlation_id", "reply_to"):
        assert getattr(got, name) == getattr(sent, name)
    assert got.headers["nested"] is not sent.headers["nested"]


async def test_receive_gives_no_more_than_asked_and_keeps_the_order():
    async with EmbeddedBroker() as broker:
        await broker.publish([Message(routing_key=broker.reply_queue, body=b"%d" % number) for number in range(5)])
        got = [[one.body for one in await broker.receive(most)] for most in (2, 10)]
    assert got == [[b"0", b"1"], [b"2", b"3", b"4"]]


async def test_what_was_not_acknowledged_comes_again_after_reopening():
    broker = EmbeddedBroker()
    async with broker:
        await broker.publish([Message(routing_key=broker.reply_queue, body=b"%d" % number) for number in range(3)])
        first, _second = await broker.receive(2)
        await broker.ack([first])
    assert not broker.connected
    assert await broker.publish([Message(routing_key=broker.reply_queue, body=b"")]) == [Published.UNKNOWN]
    async with broker:
        again = await receive(broker, 2)
    assert [(one.body, one.redelivered) for one in again] == [(b"1", True), (b"2", False)]


async def test_acknowledging_a_delivery_of_an_earlier_opening_is_skipped():
    broker = EmbeddedBroker()
    async with broker:
        await broker.publish([Message(routing_key=broker.reply_queue, body=b"x")])
        [early] = await broker.receive(1)
    async with broker:
        [_late] = await broker.receive(1)
        await broker.ack([early])
    async with broker:
        [again] = await receive(broker)
    assert again.redelivered


async def test_parked_deliveries_are_counted_and_kept_with_their_reason():
    async with EmbeddedBroker() as broker:
        await broker.publish([Message(routing_key=broker.reply_queue, body=b"???")])
        [delivery] = await receive(broker)
        await broker.park(delivery, "nobody understands it")
    assert broker.parked == 1
    assert list(broker.dead_letters) == [(delivery, "nobody understands it")]


async def test_two_brokers_do_not_mix():
    def tell(name: str) -> Celery:
        app = Celery(name, set_as_current=False)

        @app.task(name="who", shared=False)
        def who():
            return _state.get_current_app().main

        return app

    async with embedded(tell("one")) as one, embedded(tell("two")) as two:
        for broker, expected in [(one, "one"), (two, "two")] * 3:
            assert (await outcome(broker, "who")).result == expected
        await one.publish([message_for(one, "who")])
        await receive(one)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await two.receive(1)


# --- Beginning and ending ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [True, False], ids=["the user's app", "an app made for it"])
async def test_one_embedded_system_after_another_works_also_after_a_crash(app, given, tmp_path, monkeypatch):
    (tmp_path / "embedded_tasks.py").write_text(
        "from celery import shared_task\n@shared_task(name='double')\ndef double(x):\n    return 2 * x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    async def system(number: int) -> None:
        async with EmbeddedBroker() as broker:
            with embedded_worker(
                app if given else None,
                broker=broker,
                queues=["celery"],
                concurrency=1,
                include=["embedded_tasks"],
            ):
                assert (await outcome(broker, "double", number)).result == 2 * number
                if number == 1:
                    raise LookupError("the program around it failed")

    with pytest.raises(LookupError):
        await system(1)
    await system(2)
    await system(3)


async def test_the_users_app_gets_its_settings_back(app, monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "amqp://environment.invalid//")
    app.conf.task_always_eager = True
    queues = app.amqp.queues
    before, default_app = dict(app.conf), _state.default_app

    @app.task(name="where", shared=False)
    def where():
        return [app.conf.broker_url, app.conf.broker_write_url, app.conf.result_backend, app.conf.task_always_eager]

    async with embedded(app) as broker:
        assert (await outcome(broker, "where")).result == ["memory://localhost", "memory://localhost", "rpc://", False]
        assert _state.default_app is app
        app.conf.task_default_priority = 5
    assert dict(app.conf) == before
    assert app.conf.broker_url == "amqp://environment.invalid//"
    assert app.amqp.queues is queues
    assert app.backend.url == "redis://nowhere.invalid/0"
    assert _state.default_app is default_app


async def test_an_app_serves_one_embedded_worker_at_a_time(app):
    async with embedded(app):
        with pytest.raises(BrokerError, match="serves an embedded worker already"):
            async with embedded(app):
                pytest.fail("the second worker began")


async def test_a_module_that_cannot_be_imported_is_an_error_and_leaves_nothing_behind(app):
    async with EmbeddedBroker() as broker:
        with (
            pytest.raises(ModuleNotFoundError, match="no_such_module"),
            embedded_worker(app, broker=broker, queues=["celery"], concurrency=1, include=["no_such_module"]),
        ):
            pytest.fail("the worker began")
    assert app.conf.broker_url == USERS_BROKER


async def test_ending_leaves_no_thread_behind_and_is_quick(app):
    @app.task(name="fickle", shared=False, bind=True)
    def fickle(self):
        if not self.request.retries:
            raise self.retry(countdown=0.01)  # so that Celery's thread for timers is there too

    before = set(threading.enumerate())
    async with embedded(app, concurrency=4) as broker:
        await broker.publish([message_for(broker, "fickle") for _ in range(8)])
        await completions(broker, 16)
        began = time.monotonic()
    assert time.monotonic() - began < 1
    assert set(threading.enumerate()) <= before


async def test_ending_does_not_wait_for_a_long_task_which_never_reaches_the_users_broker(app):
    begun, gate, seen = threading.Event(), threading.Event(), []

    @app.task(name="long", shared=False)
    def long():
        begun.set()
        gate.wait(DEADLINE)
        seen.append(app.conf.broker_url)

    async with embedded(app, concurrency=1) as broker:
        await broker.publish([message_for(broker, "long"), message_for(broker, "long")])
        await until(begun.is_set)
        began = time.monotonic()
    assert time.monotonic() - began < 1
    assert broker.hub.size("celery") == 1, "the task that had not begun is back in its queue"
    gate.set()
    await until(lambda: app.conf.broker_url == USERS_BROKER)
    assert seen == ["memory://localhost"]


async def test_an_app_can_be_used_again_while_a_task_of_the_worker_before_runs_on(app):
    begun, gate = threading.Event(), threading.Event()

    @app.task(name="long", shared=False)
    def long():
        begun.set()
        gate.wait(DEADLINE)

    @app.task(name="short", shared=False)
    def short():
        return "done"

    async with embedded(app, concurrency=1) as broker:
        await broker.publish([message_for(broker, "long")])
        await until(begun.is_set)
    async with embedded(app, concurrency=1) as broker:
        assert (await outcome(broker, "short")).result == "done"
        gate.set()
        assert (await outcome(broker, "short")).result == "done"
    assert app.conf.broker_url == USERS_BROKER


async def test_a_worker_that_ends_by_itself_is_told_after_what_it_has_reported(app, caplog):
    @app.task(name="empty", shared=False)
    def empty(): ...

    async with embedded(app) as broker:
        sound = message_for(broker, "empty")
        await broker.publish([sound])
        await until(lambda: len(broker._inbox) == 2)  # its start, and its end
        # The worker trips over a body without its third part, as stock workers do.
        harmful = Message(routing_key="celery", body=b"[[], {}]", headers=sound.headers)
        await broker.publish([harmful])
        await until(lambda: not broker.connected)
        assert [one.id for one in await completions(broker)] == [sound.correlation_id]
        with pytest.raises(BrokerError, match="ended by itself"):
            await broker.receive(1)
        assert await broker.publish([sound]) == [Published.UNKNOWN]
    assert "Unrecoverable error" in caplog.text
    async with embedded(app) as fresh:
        assert (await outcome(fresh, "empty")).progress is Progress.SUCCEEDED


async def test_cancelling_receive_loses_nothing():
    async with EmbeddedBroker() as broker:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await broker.receive(1)
        await broker.publish([Message(routing_key=broker.reply_queue, body=b"x")])
        [delivery] = await receive(broker)
    assert delivery.body == b"x"


# --- Prints and logs --------------------------------------------------------------------------------------------------


async def test_what_tasks_print_goes_to_standard_error(app, capsys):
    @app.task(name="talk", shared=False)
    def talk():
        print("from the task")  # noqa: T201

    stdout = sys.stdout
    async with embedded(app) as broker:
        print("from the program")  # noqa: T201
        await outcome(broker, "talk")
    assert sys.stdout is stdout
    assert capsys.readouterr() == ("from the program\n", "from the task\n")


async def test_celery_logs_warnings_only_unless_the_program_says_otherwise(app, caplog):
    @app.task(name="empty", shared=False)
    def empty(): ...

    caplog.set_level(logging.DEBUG)
    async with embedded(app) as broker:
        await outcome(broker, "empty")
    assert [record for record in caplog.records if record.name.startswith("celery")] == []
    caplog.set_level(logging.INFO, "celery")
    async with embedded(app) as broker:
        await outcome(broker, "empty")
    assert "received" in caplog.text
    assert logging.getLogger("celery").level == logging.INFO


async def test_loggers_of_tasks_keep_their_level(app, caplog):
    @app.task(name="log", shared=False)
    def log():
        logging.getLogger("celery.task").info("a line of a task")

    caplog.set_level(logging.INFO)
    async with embedded(app) as broker:
        await outcome(broker, "log")
    assert "a line of a task" in caplog.text


# --- Time and signals -------------------------------------------------------------------------------------------------


async def test_an_empty_task_takes_milliseconds_and_waiting_takes_no_processor(app):
    @app.task(name="empty", shared=False)
    def empty(): ...

    async with embedded(app) as broker:
        times = []
        for _ in range(50):
            began = time.perf_counter()
            await outcome(broker, "empty")
            times.append(time.perf_counter() - began)
        assert statistics.median(times) < 0.02
        used = time.process_time()
        await asyncio.sleep(1)
        assert time.process_time() - used < 0.02


PROGRAM = """
import asyncio, json, sys, time
from celery import Celery
from asyncflow.adapters.embedded import EmbeddedBroker, embedded_worker
from asyncflow.ports import Message

app = Celery("program")

@app.task(name="long", shared=False)
def long():
    print("running", file=sys.stderr, flush=True)
    time.sleep(60)

async def main():
    async with EmbeddedBroker() as broker:
        with embedded_worker(app, broker=broker, queues=["celery"], concurrency=1):
            headers = {"task": "long", "id": "1", "ignore_result": False}
            embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
            body = json.dumps([[], {}, embed]).encode()
            await broker.publish([Message(routing_key="celery", body=body, headers=headers, correlation_id="1")])
            try:
                await broker.receive(1)
            except asyncio.CancelledError:
                print(json.dumps("interrupted"), flush=True)
                raise

try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(42)
"""


def test_ctrl_c_reaches_the_program_and_ends_it_at_once_though_a_task_runs():
    program = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    try:
        assert program.stderr.readline() == "running\n"
        began = time.monotonic()
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=DEADLINE)
    finally:
        program.kill()
    assert (json.loads(out), err, program.returncode) == ("interrupted", "", 42)
    assert time.monotonic() - began < 2
