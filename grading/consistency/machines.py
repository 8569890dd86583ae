"""Machines: one run has one machine, a fingerprint is a whole, and a leased class has a band of its own."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator

import numpy as np

from grading.consistency.finding import Finding, flag, impossible, named
from labs.machine import Fingerprint
from labs.workspace import PROJECT_DIR

#: Processor features that exist on one architecture only.
_X86_ONLY, _ARM_ONLY = re.compile(r"avx|amx|sse|fma"), re.compile(r"asimd|sve|i8mm")

#: Words in GPU and processor names by the machine class that the course's parts are written for.
_CLASSES = (
    ("A100", "A100"),
    ("H100", "H100"),
    ("A30", "A30"),
    ("MI100", "MI100"),
    ("P100", "P100"),
    ("Cortex-A76", "Raspberry Pi 5"),
)


def machine_class(record: dict) -> str:
    """Return the class of a record's machine: one that the course leases, or 'rehearsal' for any other."""
    machine = record["machine"]
    names = " ".join([*(gpu["name"] for gpu in machine["gpus"]), machine["cpu_model"]])
    return next((name for word, name in _CLASSES if word in names), "rehearsal")


def one_machine_a_run(records: list[dict]) -> Iterator[Finding]:
    """Yield records of a side-by-side run that was not on one machine."""
    machines: dict[str, str] = {}
    for record in records:
        run = record["details"].get("comparison_id")
        if (
            isinstance(run, str)
            and machines.setdefault(run, record["machine"]["machine_id"]) != (record["machine"]["machine_id"])
        ):
            message = f"The {named(record)} took turns with an option on another machine, which nothing can."
            yield impossible("run-on-two-machines", message, record)


def class_fits_the_part(records: list[dict]) -> Iterator[Finding]:
    """Yield times that were taken on the wrong machine: part 2's elsewhere than on its device, others on a device.

    A rehearsal's machine is whatever computer there is, and says that it is one.
    """
    told: set[tuple[str, bool]] = set()
    for record in records:
        machine, edge = record["machine"], record["option"].startswith("edge-")
        if record["kind"] not in _TIMED or machine["testbed"].get("site") == "rehearsal":
            continue
        key = (machine["machine_id"], edge)
        if edge != (machine_class(record) == "Raspberry Pi 5") and key not in told:
            told.add(key)
            wanted = "a Raspberry Pi 5, or its rehearsal" if edge else "a server, or a computer that plays one"
            message = f"The {named(record)} comes from {machine['cpu_model']}; its part measures on {wanted}."
            yield flag("machine-not-the-parts", message, record)


#: Kinds whose samples are times.
_TIMED = ("latency", "throughput", "load", "load_time", "first_prediction")


def one_machine_a_part(records: list[dict]) -> Iterator[Finding]:
    """Yield one finding when latencies come from several machines of one class.

    A device that is played by the student's own computer is a class of its own: both belong to one honest ledger.
    """
    machines = {r["machine"]["machine_id"]: r for r in records if r["kind"] in ("latency", "throughput")}
    classes = [(machine_class(one), one["machine"]["testbed"].get("site") == "rehearsal") for one in machines.values()]
    if len(classes) > len(set(classes)):
        names = "; ".join(sorted({record["machine"]["cpu_model"] for record in machines.values()}))
        message = f"The records come from {len(machines)} machines ({names}); their milliseconds cannot be compared."
        yield flag("several-machines", message, *machines.values())


def leased_node_is_whole(records: list[dict]) -> Iterator[Finding]:
    """Yield machines that call themselves a node of the testbed and lack its name, or are not built like one.

    A GPU's name is typed in a moment. A lease's node has its name from the metadata service, and a processor of so
    many threads that has some features and lacks others.
    """
    told: set[str] = set()
    for record in records:
        machine, found = record["machine"], machine_class(record)
        known = _known_classes().get(found)
        if known is None or machine["machine_id"] in told or machine["testbed"].get("site") == "rehearsal":
            continue
        told.add(machine["machine_id"])
        if known["metadata"] and not (machine["testbed"].get("site") and machine["testbed"].get("node")):
            message = f"The {named(record)} comes from a machine with {found}, and no metadata service named its node."
            yield flag("node-unnamed", message, record)
        fewest, most = known["threads"]
        flags = " ".join(machine["cpu_flags"])
        if known["processor"] not in machine["cpu_model"]:
            message = f"The {named(record)}: {found} beside {machine['cpu_model']}, which no node of that class has."
            yield flag("node-of-another-class", message, record)
        elif not fewest <= machine["cpu_count"] <= most or known["lacks"] in flags or known["has"] not in flags:
            message = (
                f"The {named(record)}: {found} beside {machine['cpu_count']} threads with {flags or 'no features'}"
            )
            yield flag("node-of-another-build", message + "; no node of that class is built like this.", record)


#: In 203 real runs beside up to sixteen other jobs, two records of one option were up to 13 times apart; with two
#: threads instead of 128, the options of part 1's recording lie between 0.26 and 11 times the published figures, and
#: 1.7 times on average. One option further off than the first, or all together than the second, is for a person.
_APART, _APART_ON_AVERAGE = 15.0, 4.0


def times_are_the_classes(records: list[dict]) -> Iterator[Finding]:
    """Yield machine classes whose times are worlds apart from what others have published for them.

    Source: ``assets/reference/machines.json``, which names where its figures come from.
    """
    times: dict[tuple[str, str], list[float]] = {}
    for record in records:
        if record["batch_size"] == 1 and record["kind"] in ("latency", "load"):
            middle_s = np.mean(record["samples"]) if record["kind"] == "load" else np.median(record["samples"])
            times.setdefault((machine_class(record), record["option"]), []).append(float(middle_s))
    for name, known in _known_classes().items():
        factors = {
            option: float(np.median(times[name, option])) / wanted_s
            for option, wanted_s in known["seconds"].items()
            if min(times.get((name, option), [0.0])) > 0
        }
        average = float(np.exp(np.mean(np.log(list(factors.values()))))) if factors else 1.0
        off = [f"{option} takes {one:.2g} times" for option, one in factors.items() if _is_apart(one, _APART)]
        if off or _is_apart(average, _APART_ON_AVERAGE):
            said = ", ".join(off) or f"{len(factors)} options take {average:.2g} times on average"
            yield flag("times-of-another-class", f"{name}: {said} what is published for such a machine.")


def _is_apart(factor: float, most: float) -> bool:
    return not 1 / most <= factor <= most


def classes_are_the_processors(records: list[dict]) -> Iterator[Finding]:
    """Yield accuracies of 8-bit files that another kind of processor gives than the one that is named.

    Without VNNI, sums of two 8-bit products saturate: the course's files of unsigned activations then give 13 or 14 of
    220 pictures another class, and the recordings of one kind of processor agree on all of them.

    Source: ``assets/reference/epyc-7763-emulated.json``; whose pictures are every third one.
    """
    formats = dict(_reference("epyc-7763-emulated.json")["formats"])
    for record in records:
        asked = formats.get(record["option"])
        with_epyc = _known_classes().get(machine_class(record), {}).get("processor") == "EPYC"
        if record["kind"] != "accuracy" or not with_epyc or asked is None:
            continue
        right = record["samples"][::3] if len(record["samples"]) == 3 * len(asked["vnni"]) else record["samples"]
        if len(right) != len(asked["vnni"]):
            continue
        other, own = (sum(a != b for a, b in zip(right, asked[name], strict=True)) for name in ("vnni", "epyc_7763"))
        if own - other > _SURELY:
            del formats[record["option"]]  # told once
            message = f"The {named(record)} has the classes that a processor with VNNI gives ({other} of {len(right)} "
            yield flag("classes-of-another-processor", message + f"differ), and not an EPYC 7763's ({own}).", record)


#: Pictures by which a record must be nearer to the one kind than to the other; the kinds differ by 13 and 14.
_SURELY = 6


@functools.cache
def _reference(name: str) -> dict:
    # By its place in the checkout: the autograder has these files, and no catalogue of models and data sets.
    return json.loads((PROJECT_DIR / "assets" / "reference" / name).read_text(encoding="utf-8"))


@functools.cache
def _known_classes() -> dict[str, dict]:
    """Return what is known of each leased class; ``seconds`` holds the published time of each option."""
    rows = _reference("published.json")["results"]
    return {
        name: {
            **known,
            "seconds": {
                **{one["option"]: one["p50_s"] for one in rows if one["machine"] in known.get("published", ())},
                **known.get("seconds", {}),
            },
        }
        for name, known in _reference("machines.json")["classes"].items()
    }


def fingerprint_adds_up(records: list[dict]) -> Iterator[Finding]:
    """Yield machines whose short name does not follow from their description, or that mix two architectures."""
    seen: set[str] = set()
    for record in records:
        machine = record["machine"]
        if machine["machine_id"] in seen:
            continue
        seen.add(machine["machine_id"])
        flags = " ".join(machine["cpu_flags"])
        mixed = (machine["architecture"] == "aarch64" and _X86_ONLY.search(flags)) or (
            machine["architecture"] == "x86_64" and _ARM_ONLY.search(flags)
        )
        if mixed or Fingerprint.from_json(machine).machine_id != machine["machine_id"]:
            message = f"The description of the machine of the {named(record)} does not add up; was it edited?"
            yield flag("machine-edited", message, record)
