"""A pytest plugin: a test that hangs where no timeout reaches it ends its process and shows where every thread is.

A timeout is an exception in the main thread, once for each test: it helps against nothing that catches it, nor against
what never comes back from C, nor in the ending of a test that it has failed already.
"""

import faulthandler
import os
from collections.abc import Generator

import pytest

# More than any test may take by its own timeout.
PATIENCE_SECONDS = 1600

# While a test runs, the usual place for errors leads into what pytest captures.
_stderr = os.dup(2)


def _watched() -> Generator[None, None, None]:
    faulthandler.dump_traceback_later(PATIENCE_SECONDS, exit=True, file=_stderr)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """Watch what comes before a test."""
    return (yield from _watched())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Watch the test."""
    return (yield from _watched())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """Watch what comes after it; after the last one, that is the ending of servers and browsers too."""
    return (yield from _watched())
