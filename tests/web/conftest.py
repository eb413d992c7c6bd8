"""One restaurant for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.web.restaurant import Restaurant, open_restaurant


@pytest.fixture
async def restaurant() -> AsyncIterator[Restaurant]:
    async with open_restaurant() as opened:
        yield opened
