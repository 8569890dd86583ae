"""Servers of several makers, really started: each answers under the one contract, and says the same."""

import urllib.request

import pytest

from labs.load.race import race
from labs.load.servers import BASELINE, SERVERS, servers_table, serving


@pytest.mark.slow
@pytest.mark.triton
def test_all_servers_answer_the_same_photo_alike_and_take_their_turns() -> None:
    """Each names the same class; under load nothing fails, and every second round runs in reverse order."""
    with serving() as targets:
        assert list(targets) == list(SERVERS)
        words = set()
        for target in targets.values():
            request = urllib.request.Request(target.url, target.bodies[0], target.headers)
            with urllib.request.urlopen(request, timeout=60) as reply:
                words.add(_class_in(reply.read()))
        assert len(words) == 1
        records = race(targets, concurrency=2, rounds=2, duration_s=0.5)
    assert [one.option for one in records] == [*SERVERS, *reversed(SERVERS)]
    assert not any(one.load.failures for one in records)
    table = servers_table(records).set_index("server")
    assert list(table.index) == list(SERVERS)
    assert table.loc[BASELINE, "× p50"] == ""


def _class_in(answer: bytes) -> str:
    """Return the class that an answer names, as JSON or as Triton's bytes."""
    from labs.data.labels import CLASS_NAMES

    (word,) = {name for name in CLASS_NAMES if name.encode() in answer.replace(b"\\/", b"/")}
    return word
