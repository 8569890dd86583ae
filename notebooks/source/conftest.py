"""The fixtures of all tests, for the tests in deep dives' folders."""

from tests.conftest import no_figure_is_left, workspace

__all__ = ["no_figure_is_left", "workspace"]
