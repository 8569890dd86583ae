"""Services of students and of other makers, which ``make bench`` lets take turns."""

import os
from pathlib import Path
from unittest import mock

import numpy as np

from grading.builder.repository import solved_cells, write_programs, write_solved
from labs.course.cells import alone
from labs.data.intake import IMAGENET_MEAN, IMAGENET_STD
from labs.deeper.whole import servers
from labs.deeper.whole.bytes_in import take_bytes
from labs.edge.files import part_1_files
from labs.load.race import cost_ratio, latency_ratio, rate_ratio
from labs.runtimes.progress import OnProgress
from labs.serve import models as served
from labs.workspace import WORKSPACE_VARIABLE, models_dir, programs_dir
from tests.benchmarks.bars import Bar, Result, Section, bars_lines

NAME = "services"

_OLDER = "the older lab's app, 16 clients"

BARS = {
    "processor": Bar(
        "the whole request, answers per processor second", f"× {_OLDER}", 2.5, 3.0
    ),
    "answers": Bar("the whole request, answers a second", f"× {_OLDER}", 2.2, 3.0),
    "request": Bar("the whole request, median", f"× {_OLDER}", 0.45, 0.34, at_most=True),
}


def measure(rounds: int, folder: Path, on_progress: OnProgress) -> Section:
    """Race students' services against other makers'; the programs are the solutions', in a new
    workspace.
    """
    with mock.patch.dict(os.environ, {WORKSPACE_VARIABLE: str(folder)}):
        write_solved(programs_dir() / "repository", served.fp32_model())
        write_programs("http", programs_dir() / "http")
        _write_whole_request(programs_dir() / "whole")
        more = servers.whole_request()
        records = servers.compare(
            rounds=max(3, rounds // 4), more=more, on_progress=on_progress
        )
    first, *_, last = more
    results = {
        "processor": Result.of(cost_ratio(records, first, last).interval, last),
        "answers": Result.of(rate_ratio(records, last, first).interval, last),
        "request": Result.of(latency_ratio(records, last, first).interval, last),
    }
    title = "Services under one contract, 16 clients, all taking turns"
    return Section(title, servers.servers_table(records), bars_lines(BARS, results))


def _write_whole_request(folder: Path) -> None:
    """Write what *The whole request* leaves in its folder: its apps, the model that takes bytes,
    and its table.
    """
    write_programs("whole", folder)
    known = take_bytes(
        part_1_files(models_dir())["edge-int8-u8s8"], folder / "bytes.onnx"
    )
    (cell,) = (
        cell
        for cell in solved_cells("whole")
        if cell.metadata.get("question") == "whole.levels"
    )
    byte_of = alone(cell.source, "byte_of")
    channels = zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)
    table = [
        byte_of(np.arange(256), *channel, known.scale, known.zero_point)
        for channel in channels
    ]
    np.save(folder / "bytes.npy", table)
