"""Whole hand-ins of a part of the present course: a student has done everything, on leased
machines.

Functions and files are the lessons' own. Times and classes are a recording's, under today's
options. Answers of sites and nodes with GPUs are made up. Nothing here is a student's measurement.
"""

import copy
import functools
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from grading.builder.notebook import text_of
from grading.builder.solve import solve
from labs.checkpoints.reads.architecture import COLUMNS
from labs.checkpoints.reads.files import FOUR
from labs.checkpoints.reads.gpus import ARRANGEMENTS
from labs.course.assignment import assignment
from labs.records import Records
from labs.records.options import by_machine
from tests.entries import Entries
from tests.grading.classroom import attacks
from tests.grading.exported import exported
from tests.grading.recorded import CHOICE, MODEL, recorded, written
from tests.honest import FILE, honest

#: Options of the recording by today's names, in the parts that choose among them.
_SERVER = {"onnx-all": "food11", "int8-static-qdq": "int8-static-u8s8"}
_DEVICE = {
    "onnx-all": FOUR[0],
    "int8-dynamic": FOUR[1],
    "int8-static-qdq": FOUR[2],
    CHOICE: FOUR[3],
}

_BOARD = {
    "cpu_model": "Cortex-A76",
    "architecture": "aarch64",
    "cpu_count": 4,
    "testbed": {"site": "CHI@Edge"},
    "gpus": [],
    "emulator": "",
}
_GPU = {
    "name": "NVIDIA A100",
    "uuid": "GPU-1",
    "memory_bytes": 40 << 30,
    "compute_capability": "8.0",
    "driver": "570",
}

_WORDS = {
    "price": "It gives up at most 3 answers of 660, and calibrating it takes an hour of somebody's "
    "work.",
    "would_change_my_mind": "A p95 above float32's on the processors that the service is going "
    "to run on.",
}


def whole(part: int) -> Entries:
    """Return the ledger of a student who did everything in a part, new at each call."""
    return copy.deepcopy(_whole(part))


def everything(turn: int = 0) -> list[dict]:
    """Return one ledger of all parts as plain JSON, with new ids and times in each turn."""
    entries_made = []
    for part in assignment().parts:
        dice = random.Random(f"{turn} {part}")
        entries = whole(part).records.to_json()
        for entry in entries:
            if entry.get("kind") in ("latency", "throughput", "load"):
                entry["samples"] = [
                    sample * (1 - 1e-4 * dice.random()) for sample in entry["samples"]
                ]
        entries_made += attacks.with_ids_of_its_own(entries, dice)
    return entries_made


def hand_in(folder: Path, part: int) -> Path:
    """Write everything of a part into a folder, and return it: notebooks, ledger, and the model
    that it recommends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for lesson in assignment().lessons(part):
        (folder / lesson.notebook.name).write_text(text_of(solve(lesson)), encoding="utf-8")
    (folder / "ledger.jsonl").write_text(written(whole(part).records.to_json()))
    shutil.copy(MODEL, folder)
    if part == 1:
        shutil.copy(exported(), folder)
    return folder


@functools.cache
def _whole(part: int) -> Entries:
    entries = honest(part)
    {1: _model, 2: _edge, 3: _system}[part](entries)
    return entries


def _lease(entries: Entries, part: str, kind: str, end: str) -> None:
    day = "2026-02-01T"
    seen = {
        "status": "PENDING",
        "node": "node-1",
        "type": kind,
        "start": f"{day}14:00:00+00:00",
        "of_this_name": 1,
    }
    entries.observed(f"{part}.lease", seen | {"end": f"{day}{end}:00+00:00"})
    entries.observed(f"{part}.lease_at_release", {"end": f"{day}{end}:00+00:00"})
    entries.observed(f"{part}.release", {"held": [], "at": f"{day}15:00:00+00:00"})


def _recorded(entries: Entries, names: dict[str, str], **machine: object) -> None:
    """Append the recording's measurements of options, under other names, behind all predictions."""
    begun = datetime(2026, 2, 2, tzinfo=UTC)
    for place, entry in enumerate(recorded(1)):
        # Measurements after the finalists' race ran beside other work.
        is_told = (
            entry["type"] == "measurement"
            and entry["option"] in names
            and entry["started_at"] < "2026-11-26T16:56"
        )
        if is_told:
            entry["option"] = names[entry["option"]]
            entry["started_at"] = (begun + timedelta(minutes=place)).isoformat()
            entry["machine"] = {**entry["machine"], **machine}
            entries.append(entry)


def _race(
    entries: Entries, options: dict[str, dict], run: str, kind: str = "latency", **fields: object
) -> None:
    """Append a comparison of options, by name, each with its given fields."""
    for place, (option, of_option) in enumerate(options.items()):
        details = {"comparison_id": run, "block_calls": 10}
        times = _times(f"{run} {option} {place}")
        of_option = {"model": FILE, **fields, **of_option}
        entries.measured(kind, option, times, details=details, **of_option)


def _times(seed: str, about_s: float = 0.01) -> list[float]:
    dice = random.Random(seed)
    return [about_s * dice.uniform(0.9, 1.1) for _ in range(60)]


def _loads(entries: Entries, *options: str, **fields: object) -> None:
    for option in options:
        load = {
            "offsets_s": [0.02 * place for place in range(60)],
            "duration_s": 2.0,
            **dict(fields.pop("load", {})),
        }
        entries.measured(
            "load", option, _times(option), load=load, concurrency=2, model=FILE, **fields
        )


def _choose(entries: Entries, question: str, baseline: str, option: str, **more: object) -> None:
    *_, options = by_machine(Records.from_json(entries), baseline).values()
    (row,) = [row for row in options if row.option == option]
    evidence = {"p50_ms": 1e3 * row.p50_s.value, "right": int(row.right)}
    entries.answered(question, {"option": option, "evidence": evidence, **_WORDS, **more})


def _model(entries: Entries) -> None:
    entries.observed("reserve.practice", {"status": "ERROR"}).observed(
        "reserve.recovered", {"statuses": ["ACTIVE"]}
    )
    _lease(entries, "model", "compute_liqid", "16:50")
    seen = {
        "mobilenetv2_100": (1.0, 72.9, 3.5),
        "mobilenetv4_conv_small": (0.75, 73.8, 3.8),
        "resnet50": (11.0, 80.4, 25.6),
    }
    table = {name: dict(zip(COLUMNS, row, strict=True)) for name, row in seen.items()}
    entries.observed("architecture.networks", table)
    entries.answered(
        "architecture.choice", {"server": "resnet50", "device": "mobilenetv4_conv_small"}
    )
    options = {entry["option"] for entry in recorded(1) if entry["type"] == "measurement"}
    _recorded(entries, {option: option for option in options} | _SERVER)
    cuda = {
        "provider_requested": "CUDAExecutionProvider",
        "providers_used": {"CUDAExecutionProvider": 56},
    }
    for kind in ("latency", "throughput"):
        _race(entries, {"cpu": {}, "cuda": cuda}, f"gpu {kind}", kind, machine={"gpus": [_GPU]})
    rented = {
        "cpu": {"photos_per_s": 2e3, "threads": 256, "usd_per_hour": 2.56},
        "gpu": {"photos_per_s": 1e4, "usd_per_hour": 1.5},
    }
    entries.observed("defend.machines", rented)
    _choose(entries, "defend.choice", "food11", CHOICE, most_threads=149)


def _edge(entries: Entries) -> None:
    _lease(entries, "edge", "raspberrypi5", "15:55")
    image = "quay.io/jupyter/minimal-notebook:aarch64-2024-05-27"
    entries.observed("edge.container", {"status": "Running", "image": image, "ports": [8888]})
    _recorded(entries, _DEVICE, **_BOARD)
    newest = {entry["option"]: entry for entry in entries if entry.get("kind") == "accuracy"}
    board, files = newest[FOUR[0]]["machine"], {option: newest[option]["model"] for option in FOUR}
    _race(entries, {option: {"model": files[option]} for option in FOUR}, "four", machine=board)
    machine_id = Records.from_json(entries[-1:]).measurements()[0].machine_id
    entries.observed("edge.files", {option: files[option]["sha256"] for option in FOUR})
    entries.observed("edge.race", {"machine_id": machine_id})
    windows = [
        {"t_s": 30.0 * place, "temperature_c": 60.0, "throttle_bits": 0} for place in range(1, 11)
    ]
    entries.measured(
        "latency",
        "edge-busy",
        _times("busy"),
        machine=board,
        model=files[FOUR[3]],
        details={"windows": windows},
    )
    own = {"machine_id": machine_id, "samples_ms": [1e3 * time_s for time_s in 2 * _times("own")]}
    entries.observed("edge.own_script", own).observed("edge.board", {})
    _choose(entries, "target.choice", FOUR[0], FOUR[3], where="device")


def _system(entries: Entries) -> None:
    _lease(entries, "system", "gpu_p100", "16:50")
    steps = {f"step {place}": {"state": "done", "attempts": 2} for place in range(13)}
    entries.observed(
        "system.machine",
        {"steps": steps, "checks": {"gpu": "passed"}, "held": {"lease": 1, "server": 1}},
    )
    _loads(entries, "http-16", "python-8", "onnx")
    server = {
        "requests": 60,
        "executions": 5,
        **dict.fromkeys(("queue_s", "input_s", "infer_s", "output_s"), 0.01),
    }
    for option, size in (("batching-off-16", 1), ("batching-on-16", 12)):
        _loads(entries, option, load={"server": server | {"batches": {str(size): 60 // size}}})
    for name, gpus in zip(ARRANGEMENTS, ([0], [0], [0, 1], [0, 1]), strict=True):
        group = {"count": 2 if name.startswith("two") else 1, "kind": "KIND_GPU", "gpus": gpus}
        usage = {"gpu": [[90.0] * 5, [2.0] * 5]}
        details = {"instance_group": [group]}
        _loads(
            entries,
            f"gpus-{name}",
            details=details,
            machine={"gpus": [_GPU, _GPU]},
            load={"usage": usage},
        )
