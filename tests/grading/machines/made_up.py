"""Ledgers of machines that nobody here had. MADE UP, never measured: from recordings of this machine and published
figures.

A recording of a part is stretched so that the medians of its options become what others have published for the machine
(or, for the Raspberry Pi 5, what is estimated for it from counted work). Options without a published figure take the
typical factor. The shape of the noise is this machine's. Each record says so in ``details["made_up"]``, and its machine
in its name. They show that lessons, answers and checkpoints work with such figures; they say nothing about a machine.
"""

from __future__ import annotations

import copy
import gzip
import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import geometric_mean, median

from grading.checkpoints.evidence import moment
from labs.machine.fingerprint import Fingerprint, Gpu
from labs.records.reference import recorded_on_epyc_7763, reference_table

FIXTURES = Path(__file__).parents[1] / "fixtures"

#: Recordings by part, in which every public checkpoint is answered and passed that the machine can earn;
#: ``fixtures/README.md`` says how each was made.
WHOLE = {0: "rehearsal-part-0", 1: "epyc-two-cores", 2: "two-cores-part-2", 3: "two-cores-part-3"}

#: Earned by what was done, measured or seen, and by no answer.
DONE = {
    *("m.measure.batches", "s.lease.rehearsed", "e.reserve.lease", "e.provision.container"),
    *("m.lease.race", "e.lease.script", "e.lease.race"),
    *("s.ray.scaled", "s.teams.recovered", "s.teams.rolled_back", "s.teams.node"),
}

#: The file that part 1's recommendation chooses.
MODEL = FIXTURES / "chosen.onnx"

#: Parts that are handed in.
RECORDED = (1, 2, 3)

SAYS = "made up from a recording of another machine and from published figures; measured by nobody"

Entries = list[dict]

#: What of a load record's server is seconds.
_SERVER_S = ("queue_s", "input_s", "infer_s", "output_s")

#: What of a record's details is seconds or bytes, and changes with the samples.
_DETAILS = ("server_timing_s", "alive_s", "memory_bytes", "body_bytes")


def recorded(part: int) -> Entries:
    """Return the recorded entries of a part, new at each call."""
    text = gzip.decompress((FIXTURES / f"{WHOLE[part]}.jsonl.gz").read_bytes()).decode()
    return [json.loads(line) for line in text.splitlines()]


@dataclass(frozen=True)
class Machine:
    """A machine class of the course, and what is published about it."""

    #: Part of the course that leases it.
    part: int
    #: How it would describe itself.
    fingerprint: Fingerprint
    #: Published median or mean latencies in seconds, by option.
    seconds: Callable[[Entries], dict[str, float]]
    #: What else has to be made up; returns how much longer the longest record has become by it.
    more: Callable[[Entries], float] = lambda entries: 1.0


def made_up(machine: Machine) -> Entries:
    """Return the ledger that the machine's figures might have given, without any answer.

    Args:
        machine: One of ``MACHINES``.
    """
    entries = [entry for entry in recorded(machine.part) if entry["type"] != "answer"]
    longer = machine.more(entries)
    timed = [entry for entry in entries if entry["type"] == "measurement"]
    wanted, measured = machine.seconds(entries), _medians(timed)
    known = {option: wanted[option] / measured[option] for option in wanted if option in measured}
    usual = geometric_mean(known.values())
    slowest = max(usual, *known.values())
    begin_s = min(entry["monotonic_start_s"] for entry in timed)
    begin = min(moment(entry["started_at"]) for entry in timed)
    for entry in entries:
        # The hours between records are stretched alike, so that no two of them overlap and both clocks agree.
        stamp = "started_at" if entry["type"] == "measurement" else "made_at"
        later_s = (moment(entry[stamp]) - begin).total_seconds() * slowest * longer
        entry[stamp] = (begin + timedelta(seconds=later_s)).isoformat()
    for entry in timed:
        since_s = (entry["monotonic_start_s"] - begin_s) * slowest * longer
        _retime(entry, known.get(entry["option"], usual), slowest, begin_s + since_s)
        entry["machine"] = machine.fingerprint.to_json()
        entry["details"]["made_up"] = SAYS
    return entries


def _medians(timed: Entries) -> dict[str, float]:
    """Return each option's median (of load: mean) seconds, from its newest record of single pictures."""
    lone = [one for one in timed if one["kind"] == "latency" and one["batch_size"] == 1]
    means = {one["option"]: sum(one["samples"]) / len(one["samples"]) for one in timed if one["kind"] == "load"}
    return {**means, **{one["option"]: median(one["samples"]) for one in lone}}


def _retime(record: dict, factor: float, slowest: float, start_s: float) -> None:
    wall_s = record["monotonic_end_s"] - record["monotonic_start_s"]
    if record["kind"] == "load":
        stretch(record, factor)
    elif record["kind"] in ("latency", "throughput", "load_time", "first_prediction"):
        record["samples"] = [sample * factor for sample in record["samples"]]
        scale_details(record["details"], factor)
    # Options that take turns share one run, as long as the slowest makes it.
    record["monotonic_start_s"] = start_s
    record["monotonic_end_s"] = start_s + wall_s * (slowest if "comparison_id" in record["details"] else factor)


def like(record: dict, option: str, factor: float = 1.0, **fields: object) -> dict:
    """Return a record in another one's image, shuffled and jittered, so that neither is the other's copy."""
    made, dice = copy.deepcopy(record), random.Random(option + record["kind"])
    if made["kind"] not in ("accuracy", "size"):
        shuffled = dice.sample(made["samples"], len(made["samples"]))
        made["samples"] = [factor * one * dice.uniform(0.98, 1.02) for one in shuffled]
    return {**made, "option": option, "record_id": f"{dice.getrandbits(128):032x}", **fields}


def _on_gpu(entries: Entries) -> float:
    """Add lesson 15's two providers of the GPU, which this machine could not run, behind everything else."""
    alone = [one for one in entries if one.get("option") == "openvino" and "comparison_id" not in one["details"]]
    base = {(one["kind"], one["batch_size"]): one for one in alone}.values()  # the newest
    for option, provider in (("cuda", "CUDAExecutionProvider"), ("tensorrt", "TensorrtExecutionProvider")):
        for record in base:
            last = max((one for one in entries if one["type"] == "measurement"), key=lambda one: one["monotonic_end_s"])
            made = like(record, option, provider_requested=provider, providers_used={provider: 100})
            took_s = made["monotonic_end_s"] - made["monotonic_start_s"]
            made["monotonic_start_s"] = last["monotonic_end_s"] + 1
            made["monotonic_end_s"] = made["monotonic_start_s"] + 1.05 * took_s
            after_s = made["monotonic_start_s"] - last["monotonic_start_s"]
            made["started_at"] = (moment(last["started_at"]) + timedelta(seconds=after_s)).isoformat()
            entries.append(made)
    _as_answered_without_vnni(entries)
    return 1.0


def _as_answered_without_vnni(entries: Entries) -> None:
    """Give 8-bit files the classes that they have on an EPYC 7763, of every third picture, as far as they were tried.

    A picture that is wrong there gets the class after its own: which one it really is, is not published.
    """
    formats = recorded_on_epyc_7763()["formats"]
    for entry in entries:
        if entry.get("kind") == "accuracy" and entry["option"] in formats:
            details, samples = entry["details"], entry["samples"]
            for third, right in enumerate(formats[entry["option"]]["epyc_7763"]):
                if samples[3 * third] != right:
                    label = details["labels"][3 * third]
                    details["predicted"][3 * third] = label if right else (label + 1) % 11
                    samples[3 * third] = float(right)


def _a100_seconds(entries: Entries) -> dict[str, float]:
    table = reference_table()
    return table[table["machine"].isin(("AMD EPYC 7763", "NVIDIA A100"))]["p50_s"].to_dict()


def _p100_seconds(entries: Entries) -> dict[str, float]:
    """Return mean latencies on a node with two P100. Source: the older labs, 'System optimizations for serving'."""
    return {
        **{"http-torch": 0.0172, "http-onnx": 0.0092, "python-1": 0.0193, "python-8": 0.152, "python-16": 0.303},
        **{"python-b16": 16 / 656.6, "batched-8": 0.101, "copies-2": 0.041, "copies-4": 0.068},
    }


def _pi_seconds(entries: Entries) -> dict[str, float]:
    """Return the middle of the estimate that the ledger holds for a Raspberry Pi 5."""
    bars = next((one["seen"] for one in reversed(entries) if one.get("subject") == "edge.estimate"), {})
    return {option: math.sqrt(ends["low_s"] * ends["high_s"]) for option, ends in bars.items()}


def _on_device(entries: Entries) -> float:
    """Let the device be real: four cores, a heat that it tells of, and as many samples as a device takes.

    What was timed at home, lesson 27's race, is left out: nothing is published about it on the device.
    """
    entries[:] = [one for one in entries if one["type"] != "measurement" or one["option"].startswith("edge-")]
    told = {"temperature_c": 84.0, "frequency_hz": 2.4e9, "max_frequency_hz": 2.4e9, "throttle_bits": 0x80008}
    for entry in entries:
        seen = entry.get("seen", {})
        if "rehearsed" in seen:
            seen["rehearsed"] = False
        if "machine" in seen and "cpu_model" in seen["machine"]:
            seen["machine"] = _PI.to_json()
        if entry.get("subject") == "edge.vitals":
            seen.update(heat={**told, "flags": []}, unreadable=[])
        if entry.get("subject") == "edge.threads":
            seen.update(cores=4, counts=[1, 2, 3, 4, 8])
        if entry.get("option") == "edge-int8-app-network":
            entry["details"]["over"] = "network"
        for window in entry.get("details", {}).get("windows", ()):
            window.update(temperature_c=84.0, throttle_bits=0x80008)
    alone = next(one for one in reversed(entries) if one.get("option") == "edge-int8-s8s8-t1")
    run = alone["details"]["comparison_id"]
    for old in [one for one in entries if one.get("details", {}).get("comparison_id") == run and one is not alone]:
        entries.remove(old)
    for count, factor in ((2, 0.55), (3, 0.42), (4, 0.35), (8, 0.6)):
        fields = {"threads": {"intra_op": count, "inter_op": 0}}
        clocks = {name: alone[name] for name in ("monotonic_start_s", "monotonic_end_s")}
        entries.insert(entries.index(alone) + 1, like(alone, f"edge-int8-s8s8-t{count}", factor, **fields, **clocks))
    few = [entry for entry in entries if entry.get("kind") == "latency" and len(entry["samples"]) < 100]
    return max(_longer(entry, -(-100 // len(entry["samples"]))) for entry in few)


def _longer(record: dict, count: int) -> float:
    """Repeat a record's samples with a little noise, as if it had gone on; return how much longer it has become."""
    dice = random.Random(record["record_id"])
    record["samples"] = [one * dice.uniform(0.97, 1.03) for _ in range(count) for one in record["samples"]]
    wall_s = record["monotonic_end_s"] - record["monotonic_start_s"]
    record["monotonic_end_s"] = record["monotonic_start_s"] + 1.03 * count * wall_s
    return 1.03 * count


def _node(name: str, memory_bytes: int, capability: str, count: int) -> dict:
    cards = [Gpu(name, f"GPU-made-up-{number}", memory_bytes, capability, "made up") for number in range(count)]
    testbed = {"site": "CHI@TACC", "cluster": "chameleon", "node": "made up, never measured"}
    return {"gpus": tuple(cards), "testbed": testbed, "system": "Linux", "python": "3.11.7"}


_X86 = ("avx", "avx2", "fma", "sse4_2")
_PI = Fingerprint(
    *(
        "Cortex-A76, Raspberry Pi 5 (made up)",
        "aarch64",
        ("asimd", "asimddp", "asimdhp"),
        4,
        8 << 30,
        "Linux",
        "3.11.7",
    ),
    testbed={"site": "CHI@Edge", "cluster": "chameleon", "node": "made up, never measured"},
)
_EPYC_A100 = Fingerprint(
    *("AMD EPYC 7763 64-Core Processor (made up)", "x86_64", _X86, 128, 512 << 30),
    **_node("NVIDIA A100-PCIE-40GB (made up)", 40 << 30, "8.0", 1),
)
_XEON_P100 = Fingerprint(
    *("Intel Xeon E5-2670 v3 (made up)", "x86_64", _X86, 48, 128 << 30),
    **_node("Tesla P100-PCIE-16GB (made up)", 16 << 30, "6.0", 2),
)

MACHINES = {
    "A100": Machine(1, _EPYC_A100, _a100_seconds, _on_gpu),
    "Raspberry Pi 5": Machine(2, _PI, _pi_seconds, _on_device),
    "P100": Machine(3, _XEON_P100, _p100_seconds),
}


def stretch(record: dict, factor: float) -> None:
    """Multiply every moment and every span of a load run by one factor, so that it still obeys Little's law."""
    load = record["load"]
    record["samples"] = [sample * factor for sample in record["samples"]]
    for name in ("offsets_s", "sent_offsets_s"):
        load[name] = [moment * factor for moment in load.get(name, ())]
    for failure in load.get("failures", ()):
        failure["offset_s"] *= factor
        failure["latency_s"] *= factor
    load["duration_s"] *= factor
    if load.get("offered_rps"):
        load["offered_rps"] /= factor
    for name in _SERVER_S if load.get("server") else ():
        load["server"][name] *= factor
    scale_details(record["details"], factor)


def scale_details(details: dict, factor: float, *, growth: float = 0.0) -> None:
    """Multiply what a record's details hold in seconds and bytes.

    Args:
        details: Of a record; changed in place.
        factor: For everything.
        growth: How much more the last look at a machine under load is changed than the first one.
    """
    for name in _DETAILS:
        if name in details:
            details[name] = _scaled(details[name], factor)
    windows = details.get("windows") or []
    for place, window in enumerate(windows):
        window["p50_s"] *= factor * (1 + growth * place / len(windows))


def _scaled(value: object, factor: float) -> object:
    if isinstance(value, dict):
        return {name: _scaled(part, factor) for name, part in value.items()}
    if isinstance(value, list):
        return [_scaled(part, factor) for part in value]
    return value * factor if type(value) in (int, float) else value
