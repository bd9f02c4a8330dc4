import browsers
import pytest


@pytest.fixture(scope="session")
def browser():
    with browsers.browser() as found:
        yield found
