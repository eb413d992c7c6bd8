"""The server itself: how it ends, and how it writes."""

from __future__ import annotations

import socket
from contextlib import suppress

import anyio
import pytest

from asyncflow.web.server import Address, _bound
from tests.web.restaurant import Restaurant


class Trouble(Exception):  # noqa: N818  (what it stands for)
    pass


async def test_a_server_that_ends_in_trouble_leaves_the_next_one_alone(restaurant: Restaurant) -> None:
    for _ in range(3):
        with suppress(ExceptionGroup), anyio.fail_after(20):
            async with restaurant.served() as asked:
                assert (await asked.get("/healthz")).status_code == 200
                raise Trouble
    with anyio.fail_after(20):
        async with restaurant.served() as asked:
            assert (await asked.get("/healthz")).status_code == 200


async def test_a_server_that_is_cancelled_ends(restaurant: Restaurant) -> None:
    with anyio.fail_after(20), anyio.CancelScope() as scope:
        async with restaurant.served():
            scope.cancel()
            await anyio.sleep_forever()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_answers_do_not_wait_for_those_before_them_to_be_acknowledged(host: str) -> None:
    """On a connection that is kept, that is 40 ms for each of them."""
    with _bound(Address(host=host, port=0)) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
