"""The fixtures of all tests, for the tests in deep dives' folders."""

from tests.conftest import workspace

__all__ = ["workspace"]
