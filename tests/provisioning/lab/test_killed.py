"""A process that is killed in mid-run loses nothing: the next one goes on, and there is one of everything."""

from __future__ import annotations


def test_the_next_process_goes_on_where_a_killed_one_was(rehearsal):
    """While the server boots, gets its address, receives the course: at no moment is a second one made."""
    killed_at = ("server line", "address started", "materials line")
    rehearsal.ask("POST", "/faults", {"fault": "slow-boot=20000@kit"})
    for seen in killed_at:
        process = rehearsal.start("killed", "kit", "model")
        try:
            assert any(line.startswith(seen) for line in process.stdout), process.stderr.read()[-2000:]
        finally:
            process.kill()
            process.communicate()
        assert process.returncode != 0
    found = rehearsal.run("killed", "kit", "model")
    assert found["failed"] == {}
    assert found["held"] == [1, 1, 1]
    assert found["attempts"]["lease"] == 1 + len(killed_at)
    assert found["attempts"]["environment"] == 1
    assert found["left"] == [0, 0]
    assert rehearsal.left("kit") == []
