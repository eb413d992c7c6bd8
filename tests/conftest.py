"""One private server of each kind for a whole test session, a virtual host for each test that asks for one."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.servers import RabbitServer, RedisServer, private_folder


@pytest.fixture(scope="session")
def rabbit() -> Iterator[RabbitServer]:
    with private_folder() as folder, RabbitServer(folder) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with private_folder() as folder, RedisServer(folder) as server:
        yield server


@pytest.fixture
def vhost(rabbit: RabbitServer) -> str:
    """The URL of a virtual host of RabbitMQ that nobody else uses."""
    return rabbit.add_vhost(f"test-{uuid4().hex}")
