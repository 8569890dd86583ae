"""Servers of several makers, really started: each answers under the one contract, and says the same."""

from __future__ import annotations

import json

import pytest

from labs.serve.servers import BASELINE, SERVERS, compare, servers_table


@pytest.mark.slow
@pytest.mark.triton
def test_all_servers_answer_the_same_photos_alike() -> None:
    """Two short rounds: nothing fails, every server takes its turns, and the class of the first photo is one."""
    records = compare(rounds=2, concurrency=2, duration_s=0.5)
    assert [one.option for one in records] == [*SERVERS, *reversed(SERVERS)]
    assert not any(one.load.failures for one in records)
    first = {one.option: one.details["first_answer"] for one in records}
    word = json.loads(first[BASELINE])["prediction"]
    assert all(word in answer for answer in first.values()), first
    table = servers_table(records).set_index("server")
    assert list(table.index) == list(SERVERS)
    assert table.loc[BASELINE, "× p50"] == ""
