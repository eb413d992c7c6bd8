"""One private server of each kind for a whole test session, a virtual host for each test that asks for one."""

import signal
from collections.abc import Iterator

import pytest

from tests.servers import RabbitServer, RedisServer, private_folder
from tests.storage_servers import PostgresServer, open_folder

# Shells start what runs in the background with interrupts ignored, and every process that a test starts would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def rabbit() -> Iterator[RabbitServer]:
    with private_folder() as folder, RabbitServer(folder) as server:
        yield server


@pytest.fixture(scope="session")
def breakable_rabbit() -> Iterator[RabbitServer]:
    """For tests that kill it, or take its memory; they leave it as it was."""
    with private_folder() as folder, RabbitServer(folder) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with private_folder() as folder, RedisServer(folder) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    with open_folder() as folder, PostgresServer(folder) as server:
        yield server


@pytest.fixture
def vhost(rabbit: RabbitServer) -> str:
    """The URL of a virtual host of RabbitMQ that nobody else uses."""
    return rabbit.add_vhost()
