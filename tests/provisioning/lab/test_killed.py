"""A process that is killed in mid-run loses nothing: the next one goes on, and there is one of everything."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("seen", ["server line", "address started", "materials line"])
def test_the_next_process_goes_on_where_a_killed_one_was(rehearsal, seen):
    """While the server boots, gets its address, receives the course: at no moment is a second one made."""
    user = f"kit-{seen.split()[0]}"
    rehearsal.ask("POST", "/faults", {"fault": f"slow-boot=20000@{user}"})
    first = rehearsal.start("killed", user, "model")
    try:
        assert any(line.startswith(seen) for line in first.stdout), first.stderr.read()[-2000:]
    finally:
        first.kill()
        first.communicate()
    assert first.returncode != 0
    found = rehearsal.run("killed", user, "model")
    assert found["failed"] == {}
    assert found["held"] == [1, 1, 1]
    assert found["attempts"]["lease"] == 2
    assert found["attempts"]["environment"] == 1
    assert found["left"] == [0, 0]
    assert rehearsal.left(user) == []
