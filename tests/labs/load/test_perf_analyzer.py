"""perf_analyzer's lines and files, without running it; tests/labs/serve/triton runs it on a real server."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from labs.load.perf_analyzer import Analysis, PerfAnalyzerError, analyze, parse_csv, parse_export
from labs.serve.photos import write_input_data

CSV = """Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,Server Compute Input,\
Server Compute Infer,Server Compute Output,Client Recv,p50 latency,p90 latency,p95 latency,p99 latency,Avg latency
8,172.12,7,2439,8302,368,34786,405,2,40228,81301,100742,144987,46313
"""


def test_a_line_says_what_was_asked_for():
    """As the field types it; HTTP is perf_analyzer's own default, so it is not named."""
    asked = Analysis("food_classifier", 8, input_data=Path("input.json"), protocol="http", window_s=2)
    assert asked.line("127.0.0.1:8000") == (
        "perf_analyzer -u 127.0.0.1:8000 -m food_classifier -b 1 --concurrency-range 8 --input-data input.json "
        "-p 2000 -s 999"
    )
    words = Analysis("m", 1, 16, shapes=(("input", (3, 224, 224)),), shared_memory=True).arguments("host:1")
    for pair in (
        ["-b", "16"],
        ["-i", "grpc"],
        ["--shape", "input:3,224,224"],
        ["--shared-memory", "system"],
        ["--input-data", "zero"],
    ):
        assert pair[0] in words
        assert words[words.index(pair[0]) + 1] == pair[1]


def test_tensors_are_only_handed_over_in_shared_memory():
    """The export would repeat each request's numbers; the message says what to do instead."""
    with pytest.raises(ValueError, match="shared_memory=True"):
        analyze(None, None, Analysis("m", shapes=(("input", (3, 224, 224)),)), option="x")


def test_the_table_gives_the_servers_side_in_seconds():
    """Its microseconds become seconds; a table without rows is an error and not a zero."""
    (side,) = parse_csv(CSV)
    assert (side.queue_s, side.infer_s) == pytest.approx((8.302e-3, 34.786e-3))
    assert side.compute_s == pytest.approx((368 + 34786 + 405) * 1e-6)
    assert parse_csv("Concurrency,Inferences/Second\n1,5\n") == [None]
    with pytest.raises(PerfAnalyzerError, match="empty table"):
        parse_csv(CSV.splitlines()[0])


def test_the_export_gives_raw_samples():
    """Begin and latency of each request that was answered, from the first window on."""
    start = 1_000_000_000
    requests = [
        {"timestamp": start - 5, "response_timestamps": [start + 10_000_000]},
        {"timestamp": start + 20_000_000, "response_timestamps": [start + 50_000_000]},
        {"timestamp": start + 60_000_000, "response_timestamps": []},
    ]
    text = json.dumps({"experiments": [{"window_boundaries": [start, start + 2 * 10**9], "requests": requests}]})
    rows, took_s = parse_export(text)
    assert took_s == 2.0
    assert [row[0] for row in rows] == pytest.approx([0.0, 0.02])
    assert [row[1] for row in rows] == pytest.approx([0.010000005, 0.03])
    assert {row[3] for row in rows} == {200}


def test_input_data_holds_pictures_as_base64(tmp_path):
    """The format of --input-data, one picture a request."""
    path = write_input_data(tmp_path / "input.json", [b"one", b"two"])
    rows = json.loads(path.read_text())["data"]
    assert [base64.b64decode(row["INPUT_IMAGE"]["content"][0]) for row in rows] == [b"one", b"two"]
    assert rows[0]["INPUT_IMAGE"]["shape"] == [1]
