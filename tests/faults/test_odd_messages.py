"""What workers and strangers may put on our queue: one outcome for each attempt, and nothing stops the others.

Short form: 10,000 odd completions, 20,000 malformed messages. ASYNCFLOW_FAULTS=long: a hundred rounds of that.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import orjson
import pytest

from asyncflow.model.names import TaskId
from asyncflow.model.requests import REQUEST_TYPE, ShowRun, StartRun, encode_request
from asyncflow.ports import Delivery, Message, Published
from asyncflow.testing.broker import MemoryBroker
from asyncflow_celery import completions
from tests.faults import invariants
from tests.faults.loose_ends import LoggedStore, dispatching, loaded, world_of
from tests.faults.seeds import LONG, SEED, in_time, sized, tell
from tests.faults.serving import document
from tests.faults.workers import Execution

ROUNDS, ODD, MALFORMED = sized(1, 100), 10_000, 20_000
"""Each round has a dispatcher and a store of its own, for all of it is kept in memory."""
AT_ONCE = 50
"""Runs under way at a time."""

pytestmark = pytest.mark.timeout(0 if LONG else 120)


class LyingWorkers(MemoryBroker):
    """They report each attempt some times over, at once or later, in other ways too, and attempts that nobody made."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__()
        self.draw = draw
        self.ledger: list[Execution] = []
        self.reports = 0
        self._ended: list[Execution] = []

    async def publish(self, messages: Any) -> list[Published]:
        for message in messages:
            if message.routing_key == "celery":
                self._run(message)
        return [Published.CONFIRMED] * len(messages)

    def _run(self, message: Message) -> None:
        id = TaskId(str(message.headers["id"]))
        for _ in range(self.draw.choice([1, 1, 2, 3])):
            self._report(self._executed(id, str(message.headers["shadow"])))
        for _ in range(self.draw.randint(0, 3)):  # late ones, of attempts long over too
            self._report(self.draw.choice(self._ended))
        if self.draw.random() < 0.5:
            self.report({"task_id": f"stranger-{self.draw.random()}", "status": "SUCCESS", "result": 1})

    def _executed(self, id: TaskId, name: str) -> Execution:
        failed = self.draw.random() < 0.3
        status, result = (
            ("FAILURE", {"exc_type": "E", "exc_message": []}) if failed else ("SUCCESS", str(self.draw.random()))
        )
        done = Execution(id, name, 0.0, status, result)
        self.ledger.append(done)
        self._ended.append(done)
        return done

    def _report(self, done: Execution) -> None:
        self.report({"task_id": done.id, "status": done.status, "result": done.result})

    def report(self, content: dict[str, Any]) -> None:
        self.reports += 1
        body = orjson.dumps({"traceback": None, "children": [], **content})
        delivery = Delivery(body=body, content_type="application/json", content_encoding="utf-8")
        self._waiting.insert(self.draw.randint(max(0, len(self._waiting) - 20), len(self._waiting)), delivery)
        self._arrived.set()


def drawn(name: str) -> tuple[int, Iterator[random.Random]]:
    """A seed, and what to draw from in each round."""
    seed = int(SEED or random.SystemRandom().randrange(2**32))
    return seed, (random.Random(f"{name} {seed} {number}") for number in range(ROUNDS))


async def until_quiet(broker: MemoryBroker, count: Callable[[], int]) -> None:
    with anyio.fail_after(60):
        while len(broker.acked) < count():
            await anyio.sleep(0.02)


async def test_no_number_of_reports_gives_an_attempt_two_outcomes(capsys: pytest.CaptureFixture[str]) -> None:
    seed, draws = drawn("odd")
    total = Counter[str]()
    for draw in in_time(draws):
        total += await report_oddly(draw)
    tell(capsys, f"{total.pop('reports')} of {ROUNDS * ODD} reports (seed {seed}): {dict(total)}")


async def report_oddly(draw: random.Random) -> Counter[str]:
    """A round: what was reported, and what became of it."""
    broker, store, configuration = LyingWorkers(draw), LoggedStore(), loaded(document())
    async with dispatching(configuration, broker, store) as (client, dispatcher):
        while broker.reports < ODD:
            runs = [await client.start("main") for _ in range(AT_ONCE)]
            for run in runs:
                await run.wait(timeout=60)
        await until_quiet(broker, lambda: broker.reports)
        counts = dispatcher._decider.counts
    verdicts = len(store._verdicts)
    assert invariants.violations(world_of(configuration, store, broker.ledger)) == []
    assert len(broker.acked) == broker.reports == verdicts + counts.late + counts.unknown
    assert len(broker.parked) == counts.unknown
    return Counter(reports=broker.reports, attempts=verdicts, late=counts.late, unknown=counts.unknown)


# --- malformed --------------------------------------------------------------------------------------------------------

_RESULT = {
    "task_id": "0226f35c",
    "status": "SUCCESS",
    "result": {"k": [1, 2.5, None]},
    "traceback": None,
    "children": [],
}
_FAILURE = {**_RESULT, "status": "FAILURE", "result": {"exc_type": "E", "exc_message": ["x"], "exc_module": "m"}}
_HEADERS: list[Any] = [None, 1, -1.5, "", "x" * 300, [], {}, {"a": [1]}, True, "application/x-gzip", completions.FAILED]
_TYPES = ["", "application/json", "application/x-python-serialize", "application/json; charset=x", "\ud800"]


def real_messages() -> list[Delivery]:
    plain = {"content_type": "application/json", "content_encoding": "utf-8"}
    callback = {"task": completions.SUCCEEDED, completions.ATTEMPT_HEADER: "0226f35c"}
    errback = {**callback, "task": completions.FAILED}
    start = StartRun(run_id="run", flow="main", node_args={"x": 1})  # type: ignore[arg-type]  # a run id, a flow
    return [
        Delivery(body=orjson.dumps(_RESULT), correlation_id="0226f35c", **plain),
        Delivery(body=orjson.dumps(_FAILURE), correlation_id="0226f35c", **plain),
        Delivery(body=orjson.dumps([[{"k": 1}], {}, {}]), headers=callback, **plain),
        Delivery(body=orjson.dumps([["0226f35c"], {}, {}]), headers=errback, **plain),
        Delivery(body=encode_request(start), type=REQUEST_TYPE, reply_to="client", correlation_id="1"),
        Delivery(body=encode_request(ShowRun(run_id="run")), type=REQUEST_TYPE, reply_to="client"),  # type: ignore[arg-type]
    ]


def mutated(draw: random.Random, real: Delivery) -> Delivery:
    body = bytearray(real.body)
    for _ in range(draw.randint(0, 4)):
        place = draw.randrange(len(body) + 1)
        match draw.randrange(4):
            case 0:
                body[place : place + 1] = draw.randbytes(1)
            case 1:
                del body[place : place + draw.randint(1, 30)]
            case 2:
                body[place:place] = draw.choice([b"[", b"{", b'"', b"NaN", b"1e999", b"\x00", b"[" * 3000, b"9" * 400])
            case 3:
                body[place:place] = body[: draw.randrange(40)]
    if draw.random() < 0.1:
        body = bytearray(draw.randbytes(draw.randrange(200)))
    headers = dict(real.headers)
    if draw.random() < 0.4:
        headers[draw.choice(["task", "id", "compression", "lang", completions.ATTEMPT_HEADER])] = draw.choice(_HEADERS)
    return Delivery(
        body=bytes(body),
        headers=headers,
        type=real.type if draw.random() < 0.9 else draw.choice(["", REQUEST_TYPE, "x"]),
        content_type=real.content_type if draw.random() < 0.8 else draw.choice(_TYPES),
        content_encoding=draw.choice([real.content_encoding, real.content_encoding, "utf-8", "binary", "latin-1"]),
        correlation_id=draw.choice([real.correlation_id, "", "x" * 255]),
        reply_to=real.reply_to,
    )


async def test_no_malformed_message_stops_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    seed, draws = drawn("malformed")
    total = Counter[str]()
    for draw in in_time(draws):
        total += await send_malformed(draw)
    told = f"{total['sent']} of {ROUNDS * MALFORMED} malformed messages (seed {seed})"
    tell(capsys, f"{told}: {total['answered']} were requests and answered, all others parked")


async def send_malformed(draw: random.Random) -> Counter[str]:
    """A round: how many were sent, and how many of them were requests after all."""
    broker, store = LyingWorkers(draw), LoggedStore()
    real = real_messages()
    sent: list[Delivery] = []
    async with dispatching(loaded(document()), broker, store) as (client, _):
        for number in range(MALFORMED):
            sent.append(mutated(draw, draw.choice(real)))
            broker.deliver(sent[-1])
            if number % 1000 == 999:
                await until_quiet(broker, lambda: len(sent) + broker.reports)
                await (await client.start("main")).wait(timeout=10)
        await until_quiet(broker, lambda: len(sent) + broker.reports)
    parked = {id(delivery) for delivery, _ in broker.parked}
    others = [one for one in sent if id(one) not in parked]
    assert all(reason for _, reason in broker.parked)
    assert all(one.type == REQUEST_TYPE for one in others)  # well formed after all: answered, be it by a refusal
    return Counter(sent=len(sent), answered=len(others))
