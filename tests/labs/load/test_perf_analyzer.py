"""perf_analyzer's files, without running it; tests/labs/serve/triton runs it on a real server."""

from __future__ import annotations

import base64
import json

import pytest

from labs.load.record import PerfAnalyzerError, read_export
from labs.serve.photos import write_input_data


def test_the_export_gives_raw_samples(tmp_path):
    """Begin and latency of each request that was answered; an export that is not there is an error, not a zero."""
    start = 1_000_000_000
    requests = [
        {"timestamp": start - 5, "response_timestamps": [start + 10_000_000]},
        {"timestamp": start + 20_000_000, "response_timestamps": [start + 50_000_000]},
        {"timestamp": start + 60_000_000, "response_timestamps": []},
    ]
    text = json.dumps({"experiments": [{"window_boundaries": [start, start + 2 * 10**9], "requests": requests}]})
    (tmp_path / "requests.json").write_text(text)
    bounds_s, found = read_export(tmp_path / "requests.json")
    assert bounds_s == [1.0, 3.0]
    assert found["start_s"].tolist() == pytest.approx([0.0, 0.02])
    assert found["latency_s"].tolist() == pytest.approx([0.010000005, 0.03])
    with pytest.raises(PerfAnalyzerError, match="--profile-export-file"):
        read_export(tmp_path / "other.json")


def test_input_data_holds_images_as_base64(tmp_path):
    """The format of --input-data, one image a request."""
    path = write_input_data(tmp_path / "input.json", [b"one", b"two"])
    rows = json.loads(path.read_text())["data"]
    assert [base64.b64decode(row["INPUT_IMAGE"]["content"][0]) for row in rows] == [b"one", b"two"]
    assert rows[0]["INPUT_IMAGE"]["shape"] == [1]
