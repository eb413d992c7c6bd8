"""Stock workers, one of each kind, in virtual hosts of their own; all start at once and serve every test here."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.environments import python_with_old_celery
from tests.servers import CeleryWorker, RabbitServer, RedisServer, private_folder

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Served:
    """A worker, and the URL of the virtual host that it listens on."""

    url: str
    worker: CeleryWorker


@pytest.fixture(scope="session")
def workers(rabbit: RabbitServer, redis_server: RedisServer) -> Iterator[Mapping[str, Served]]:
    old = python_with_old_celery()
    kinds = {
        "rpc": {},
        "rpc-5.6": {"python": old},
        "redis": {"backend": redis_server.url()},
        "redis-5.6": {"backend": redis_server.url(1), "python": old},
        "disabled": {"backend": "disabled://"},
    }
    with ExitStack() as stack:
        folder = stack.enter_context(private_folder())
        served = {}
        for kind, options in kinds.items():
            url = rabbit.add_vhost()
            worker = CeleryWorker(folder, "plain_tasks", broker=url, path=[HERE], **options)
            stack.callback(worker.kill)  # an orderly end takes seconds
            served[kind] = Served(url, worker.launch())
        for one in served.values():
            one.worker.start()
        yield served
