"""Machines: one run has one machine, and a fingerprint is a whole that cannot be changed in one place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from grading.consistency.finding import Finding, flag, impossible, named
from labs.machine import Fingerprint

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
    """Yield machines that call themselves a node of the testbed and lack its name, or have another node's processor.

    A GPU's name is typed in a moment. A lease's node has its name from the metadata service; whoever types that too is
    found by no rule.
    """
    told: set[str] = set()
    for record in records:
        machine, found = record["machine"], machine_class(record)
        if found not in _HOSTS or machine["machine_id"] in told:
            continue
        told.add(machine["machine_id"])
        if not machine["testbed"].get("site") or not machine["testbed"].get("node"):
            message = f"The {named(record)} comes from a machine with {found}, and no metadata service named its node."
            yield flag("node-unnamed", message, record)
        if _HOSTS[found] not in machine["cpu_model"]:
            message = f"The {named(record)}: {found} beside {machine['cpu_model']}, which no node of that class has."
            yield flag("node-of-another-class", message, record)


#: A word that the processor's name has on the nodes of these classes, as the course's site options describe them.
_HOSTS = {"A100": "EPYC", "P100": "Xeon"}


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
