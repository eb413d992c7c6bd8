"""The daemon with nothing to do: how soon it starts a run, and what it costs meanwhile."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress

from pamqp import commands

from asyncflow.adapters.amqp_frames import publish_frames
from asyncflow.adapters.amqp_topology import slot_key
from asyncflow.model.names import FlowName, RunId
from asyncflow.model.requests import REQUEST_TYPE, StartRun, encode_request
from asyncflow.ports import Message
from benchmarks.echo import correlation_of
from benchmarks.measured import Figure, quantile, ratios
from benchmarks.parts import CLASSIC, DURABLE, IN_MEMORY, Bench, chain_of, cpu_seconds, daemon
from benchmarks.wire import CHANNEL, FRAME_MAX, Wire

QUEUE = "first"
STARTS = 200
IDLE_SECONDS = 5.0


def measure_latency(bench: Bench) -> list[Figure]:
    broker = bench.vhost()
    arrivals = Arrivals(broker)
    publisher = Wire(broker)
    publisher.declare("raw")
    publisher.call(commands.Confirm.Select())
    ours: list[list[float]] = []
    unreplicated: list[list[float]] = []
    light: list[list[float]] = []
    raw: list[list[float]] = []
    file = bench.write_flows(chain_of(1, queue=QUEUE))
    with (
        daemon(bench, file, broker),
        daemon(bench, file, broker, store=CLASSIC),
        daemon(bench, file, broker, store=IN_MEMORY),
    ):
        for _ in range(bench.rounds):
            raw.append(_latencies(publisher, arrivals, _raw))
            ours.append(_latencies(publisher, arrivals, lambda: _start(DURABLE)))
            unreplicated.append(_latencies(publisher, arrivals, lambda: _start(CLASSIC)))
            light.append(_latencies(publisher, arrivals, lambda: _start(IN_MEMORY)))
    return [
        _figure(share, bar, (ours, unreplicated, light, raw), name)
        for share, bar, name in ((0.5, 3.0, "p50"), (0.99, 10.0, "p99"))
    ]


def _figure(share: float, bar: float, rounds: tuple[list[list[float]], ...], name: str) -> Figure:
    ours, unreplicated, light, raw = ([1000 * quantile(one, share) for one in each] for each in rounds)
    return Figure(
        name=f"start to first task delivered, idle dispatcher, {name} / raw publish to deliver, {name}",
        bar=f"<= {bar:g}x",
        most=bar,
        samples=ratios(ours, raw),
        beside={"ours ms": ours, "with a classic queue": unreplicated, "memory store": light, "raw ms": raw},
        note="from the client's socket to the worker's",
    )


class Arrivals:
    """A consumer of the task queue in its own thread: when each message came."""

    def __init__(self, broker: str) -> None:
        self._wire = Wire(broker)
        self._wire.declare(QUEUE)
        self._wire.call(commands.Basic.Consume(queue=QUEUE))
        self._came = threading.Event()
        self._at = 0.0
        threading.Thread(target=self._listen, daemon=True).start()

    def wait(self) -> float:
        assert self._came.wait(30), "no task was published"
        self._came.clear()
        return self._at

    def _listen(self) -> None:
        with suppress(ConnectionError):  # the broker ends first
            for batch in self._wire.deliveries():
                self._at = time.perf_counter()
                correlation_of(batch[0][0])
                self._came.set()


def _latencies(publisher: Wire, arrivals: Arrivals, make: Callable[[], bytes]) -> list[float]:
    found = []
    for _ in range(STARTS):
        time.sleep(0.004)  # an idle dispatcher, not a busy one
        payload = make()
        begun = time.perf_counter()
        publisher.publish_confirmed([payload])
        found.append(arrivals.wait() - begun)
    return found


def _raw() -> bytes:
    return publish_frames(
        Message(routing_key=QUEUE, body=b"x" * 500, correlation_id="x", reply_to="x"), CHANNEL, FRAME_MAX
    )


def _start(namespace: str) -> bytes:
    run_id = RunId(str(uuid.uuid4()))
    message = Message(
        exchange=namespace,
        routing_key=slot_key(run_id),
        body=encode_request(StartRun(run_id=run_id, flow=FlowName("chain"))),
        type=REQUEST_TYPE,
    )
    return publish_frames(message, CHANNEL, FRAME_MAX)


def measure_idle(bench: Bench) -> list[Figure]:
    broker = bench.vhost()
    samples = []
    with daemon(bench, bench.write_flows(chain_of(1)), broker) as pid:
        time.sleep(1)
        for _ in range(bench.rounds):
            before = cpu_seconds(pid)
            time.sleep(IDLE_SECONDS)
            samples.append(100 * (cpu_seconds(pid) - before) / IDLE_SECONDS)
    return [Figure(name="idle daemon, share of a core", bar="<= 1%", most=1.0, unit="%", samples=samples)]
