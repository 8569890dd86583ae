"""Services of students and of other makers, which ``make bench`` lets take turns; and the first and
the last step of *The whole request* with large photos.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from grading.builder.repository import solved_cells, write_programs, write_solved
from labs.course.cells import alone
from labs.data.intake import IMAGENET_MEAN, IMAGENET_STD
from labs.deeper.whole import servers
from labs.deeper.whole.bytes_in import take_bytes
from labs.edge.files import part_1_files
from labs.load.race import cost_ratio, latency_ratio, race, rate_ratio
from labs.load.target import LoadTarget
from labs.runtimes.progress import OnProgress, part
from labs.serve import models as served
from labs.serve.photos import phone_photo, sent_photos
from labs.stats import Interval, ratio_of_medians
from labs.workspace import WORKSPACE_VARIABLE, models_dir, programs_dir
from tests.benchmarks.bars import Bar, Result, Section, bars_lines

NAME = "services"

_OLDER = "the older lab's app, 16 clients"

BARS = {
    "processor": Bar(
        "the whole request, answers per processor second", f"× {_OLDER}", 3.2, 3.8
    ),
    "answers": Bar("the whole request, answers a second", f"× {_OLDER}", 2.9, 3.7),
    "request": Bar("the whole request, median", f"× {_OLDER}", 0.36, 0.28, at_most=True),
    "large": Bar(
        "photos of 12 megapixels, processor time before the model",
        "× less than the older lab's app",
        4.0,
        5.0,
    ),
}

#: What is sent to the first and the last step beside square photos: the photos, and the clients.
#: Sixteen photos of 12 megapixels at once are more than a service takes in.
_OTHERS = {
    "sent photos": (lambda: [content for content, _ in sent_photos()][::4], 16),
    "12 megapixels": (lambda: [phone_photo()], 4),
}


def measure(rounds: int, folder: Path, on_progress: OnProgress) -> Section:
    """Race students' services against other makers', then the first and the last step of *The whole
    request* with other photos; the programs are the solutions', in a new workspace.
    """
    rounds = max(3, rounds // 4)
    with mock.patch.dict(os.environ, {WORKSPACE_VARIABLE: str(folder)}):
        write_solved(programs_dir() / "repository", served.fp32_model())
        write_programs("http", programs_dir() / "http")
        _write_whole_request(programs_dir() / "whole")
        more = servers.whole_request()
        records = servers.compare(
            rounds=rounds, more=more, on_progress=part(on_progress, 0.0, 0.7)
        )
        first, *_, last = more
        pair = {name: more[name] for name in (first, last)}
        tables = [servers.servers_table(records)]
        with servers.serving(servers=pair) as targets:
            tables += [
                _with_others(kind, targets, rounds, on_progress) for kind in _OTHERS
            ]
        before_the_model = _before_the_model(programs_dir() / "whole", max(10, rounds))
    results = {
        "processor": Result.of(cost_ratio(records, first, last).interval, last),
        "answers": Result.of(rate_ratio(records, last, first).interval, last),
        "request": Result.of(latency_ratio(records, last, first).interval, last),
        "large": Result.of(before_the_model, last),
    }
    title = "Services under one contract, 16 clients, all taking turns"
    table = pd.concat(tables, ignore_index=True).fillna("")
    return Section(title, table, bars_lines(BARS, results))


def _with_others(
    kind: str,
    targets: Mapping[str, LoadTarget],
    rounds: int,
    on_progress: OnProgress,
) -> pd.DataFrame:
    """Return the rows of the first and the last step with another kind of photos."""
    photos_of, clients = _OTHERS[kind]
    photos = photos_of()
    others = {}
    for name, target in targets.items():
        others[f"{name}, {kind}"] = servers.with_photos(target, photos)
    records = race(
        others,
        concurrency=clients,
        rounds=rounds,
        on_progress=part(on_progress, 0.7, 0.9),
    )
    return servers.servers_table(records, next(iter(others)))


def _before_the_model(folder: Path, rounds: int) -> Interval:
    """Return how many times as much processor time the older app spends on a photo of 12 megapixels
    before it calls the model as the last step does.
    """
    measured = subprocess.run(
        [sys.executable, "-c", _STAGES, str(rounds)],
        cwd=folder,
        env=os.environ | {"MODEL": "bytes.onnx", "LEVELS": "bytes.npy"},
        input=phone_photo(),
        capture_output=True,
        check=True,
    )
    older_s, last_s = json.loads(measured.stdout)
    return ratio_of_medians(older_s, last_s).interval


#: Prints blocks of both apps' processor seconds from a request's body to the model's input; one
#: call a block, in turns. Each app's own code runs, in its folder.
_STAGES = """
import base64, io, json, sys, time
import older, worker
from PIL import Image

body = json.dumps({"image": base64.b64encode(sys.stdin.buffer.read()).decode()}).encode()


def of_older(body):
    content = base64.b64decode(json.loads(body)["image"])
    image = Image.open(io.BytesIO(content)).convert("RGB")
    return older.preprocess_image(image).unsqueeze(0).numpy()


seconds = [[], []]
for turn in range(int(sys.argv[1]) + 1):
    for prepare, blocks in zip((of_older, worker.rows_of), seconds):
        begin_s = time.process_time()
        prepare(body)
        blocks.append([time.process_time() - begin_s])
print(json.dumps([blocks[1:] for blocks in seconds]))  # the first call warms up
"""


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
