"""Long work shows that it continues, in a log and on a terminal, and leaves no thread."""

import io
import time

import pytest

from provisioning import heartbeat


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("output", [io.StringIO(), _Terminal()], ids=["log", "terminal"])
def test_a_line_says_what_is_done_and_for_how_long(
    output: io.StringIO, monkeypatch: pytest.MonkeyPatch
):
    """A log gets whole lines, and no character that only a terminal understands."""
    monkeypatch.setattr("sys.stdout", output)
    monkeypatch.setattr(heartbeat, "LOG_PERIOD_S", 0.01)
    monkeypatch.setattr(heartbeat, "TERMINAL_PERIOD_S", 0.01)
    with heartbeat.heartbeat(lambda: "lesson 3 of 20"):
        while "lesson 3 of 20" not in output.getvalue():
            time.sleep(0.01)
    written = output.getvalue()
    if output.isatty():
        assert written.endswith("\r\x1b[2K")
    else:
        assert set(written.splitlines()) == {"0 s  lesson 3 of 20"}
        assert "\x1b" not in written


def test_an_error_ends_it():
    """It reaches the caller as it is."""
    with pytest.raises(ValueError, match="stopped"), heartbeat.heartbeat(lambda: "work"):
        raise ValueError("stopped")
