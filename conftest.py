"""How the tests run: the asynchronous ones on asyncio, and all of them without looking for rubbish in what stays."""

import gc

import pytest


def pytest_collection_finish() -> None:
    """Thousands of tests stay in memory to the end: the garbage collector need not go through them again and again."""
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
