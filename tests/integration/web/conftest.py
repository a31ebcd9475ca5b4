import pytest

from tests.integration.web.world import a_world


@pytest.fixture(autouse=True)
def no_error_in_the_server(caplog):
    """What goes wrong after the answer was sent shows in aiohttp's log alone."""
    yield
    assert [record.getMessage() for record in caplog.get_records("call") if record.name == "aiohttp.server"] == []


@pytest.fixture
async def world(tmp_path):
    async with a_world(tmp_path) as made:
        yield made
