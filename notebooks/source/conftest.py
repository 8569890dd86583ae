"""Shared by the tests of deep dives, which lie in their folders: what all tests share."""

from tests.conftest import workspace

__all__ = ["workspace"]
