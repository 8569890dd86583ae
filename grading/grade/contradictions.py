"""Check whether the evidence agrees with itself: pure functions of ledger entries compute its
figures again.

A finding is impossible in an honest run, such as samples that last longer than their run. Only its
records are excluded, and the grader judges the rest as if they were missing. No check asks how
likely a time is, because on busy machines all times are possible.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median

#: Kinds whose samples are taken one after the other inside the run that the clock readings enclose.
_IN_TURN = ("latency", "throughput")

#: Kinds measured with a clock, many times.
_CLOCKED = (*_IN_TURN, "load")

#: Clock readings are two more calls than the samples know of; rounding in the file is far below
#: this, in seconds.
_ROUNDING_S = 1e-4

#: Share by which sums of rounded times may exceed what bounds them.
_ROUNDING = 0.01

#: From this number of samples on, a few may coincide (clocks tick in steps), but never most.
_FEWEST_TO_JUDGE = 20
_LEAST_DISTINCT = 0.05

#: The name of the course's evaluation pictures in an accuracy record.
EVALUATION = "food11-mini/evaluation"

#: Their classes, 0 to 10, in the split's order: sixty of each.
EVALUATION_LABELS = tuple(label for label in range(11) for _ in range(60))


@dataclass(frozen=True)
class Contradiction:
    """One impossible fact; its records are excluded."""

    #: Stable name of the rule, such as 'samples-longer-than-run'.
    rule: str
    #: Record ids that it concerns.
    records: tuple[str, ...]
    #: One sentence for student and instructor, with the option's name.
    message: str

    def __str__(self) -> str:
        return self.message


#: Records that cannot be true, each behind the rule's stable name and before one sentence that says
#: why.
Untrue = Iterator[tuple[str, dict, str]]


def named(record: dict) -> str:
    """Return how a record is called in messages."""
    batch = f", batches of {record['batch_size']}" if record["kind"] == "throughput" else ""
    return f"{record['kind']} of {record['option']}{batch}"


def run_has_a_length(records: list[dict]) -> Untrue:
    """Yield records that end before they begin."""
    for record in records:
        if record["monotonic_end_s"] < record["monotonic_start_s"]:
            yield "run-ends-before-it-begins", record, f"The {named(record)} ends before it begins."


def samples_fit_the_run(records: list[dict]) -> Untrue:
    """Yield records whose samples, one after the other, last longer than the run that holds
    them.
    """
    for record in records:
        if record["kind"] not in _IN_TURN or record.get("concurrency", 1) != 1:
            continue
        total_s = sum(record["samples"])
        wall_s = record["monotonic_end_s"] - record["monotonic_start_s"]
        if wall_s >= 0 and total_s > wall_s * 1.001 + _ROUNDING_S:
            message = (
                f"The samples of the {named(record)} add up to {total_s:.3g} s, and its run "
                f"lasted {wall_s:.3g} s."
            )
            yield "samples-longer-than-run", record, message


def samples_vary(records: list[dict]) -> Untrue:
    """Yield records whose readings are (nearly) all the same."""
    for record in _clocked(records):
        count = len(record["samples"])
        values = len(set(record["samples"]))
        if values <= max(2, _LEAST_DISTINCT * count):
            message = (
                f"The {named(record)} has {count} samples and {values} different values: no clock "
                "reads the same again and again."
            )
            yield "samples-constant", record, message


def samples_are_taken_once(records: list[dict]) -> Untrue:
    """Yield records that hold the very samples of an earlier one."""
    first: dict[tuple[float, ...], dict] = {}
    for record in _clocked(records):
        before = first.setdefault(tuple(record["samples"]), record)
        if before is not record:
            message = f"The {named(record)} holds the very samples of the {named(before)}."
            yield "samples-twice", record, message


def load_fits_its_senders(records: list[dict]) -> Untrue:
    """Yield load records whose requests do not fit into their run.

    Source: Little (1961): requests inside at once are their rate times their time; N senders have
    at most N inside.
    """
    for record in records:
        load = record.get("load")
        if record["kind"] != "load" or not isinstance(load, dict):
            continue
        samples_s = record["samples"]
        offsets_s = load["offsets_s"]
        if len(offsets_s) != len(samples_s):
            message = (
                f"The {named(record)} has {len(samples_s)} answers and {len(offsets_s)} moments at "
                "which they began."
            )
            yield "load-of-two-lengths", record, message
            continue
        failed_s = [failure["latency_s"] for failure in load["failures"]]
        ends_s = list(map(operator.add, offsets_s, samples_s))
        ends_s += [failure["offset_s"] + failure["latency_s"] for failure in load["failures"]]
        senders = record["concurrency"]
        inside_s = sum(samples_s) + sum(failed_s)
        if load["mode"] == "closed" and inside_s > senders * max(ends_s) * (1 + _ROUNDING):
            message = (
                f"In the {named(record)}, {senders} senders waited {inside_s:.0f} "
                f"s in all, within {max(ends_s):.0f} s: each waits for one answer at a time."
            )
            yield "load-beyond-its-senders", record, message


def _clocked(records: list[dict]) -> Iterator[dict]:
    """Yield the records that have enough readings of a clock to be judged by them."""
    for record in records:
        if record["kind"] in _CLOCKED and len(record["samples"]) >= _FEWEST_TO_JUDGE:
            yield record


def size_is_the_files(records: list[dict]) -> Untrue:
    """Yield size records that disagree with the file that they name."""
    for record in records:
        if record["kind"] != "size":
            continue
        recorded_bytes = record["samples"][-1]
        size_bytes = record["model"]["size_bytes"]
        if recorded_bytes != size_bytes:
            message = (
                f"The {named(record)} says {recorded_bytes:.0f} bytes, and its file has "
                f"{size_bytes}."
            )
            yield "size-not-the-files", record, message


def hash_means_one_file(records: list[dict]) -> Untrue:
    """Yield records that give one hash two sizes: the later ones cannot be true."""
    sizes: dict[str, int] = {}
    for record in records:
        sha256 = record["model"]["sha256"]
        size_bytes = record["model"]["size_bytes"]
        first_bytes = sizes.setdefault(sha256, size_bytes)
        # A hash of one repeated digit was typed.
        if first_bytes != size_bytes or len(set(sha256)) < 6:
            message = (
                f"The {named(record)} names a file whose hash and size do not belong together."
            )
            yield "hash-not-the-files", record, message


def accuracy_adds_up(records: list[dict]) -> Untrue:
    """Yield accuracy records whose samples disagree with their classes and labels, picture by
    picture.
    """
    for record in records:
        if record["kind"] != "accuracy":
            continue
        predicted = record["details"].get("predicted")
        labels = record["details"].get("labels")
        if _right(predicted, labels) != record["samples"]:
            message = f"The {named(record)} does not follow from the classes that it holds."
            yield "accuracy-not-its-classes", record, message


def _right(predicted: object, labels: object) -> list[bool] | None:
    """Return for each picture whether its class is its label; None where these are no two lists of
    one length.
    """
    if not isinstance(predicted, list) or not isinstance(labels, list):
        return None
    if len(predicted) != len(labels):
        return None
    return list(map(operator.eq, predicted, labels))


def labels_are_the_splits(records: list[dict]) -> Untrue:
    """Yield accuracy records on the course's evaluation pictures that hold other labels than these
    have.
    """
    for record in records:
        details = record["details"]
        if record["kind"] != "accuracy" or details.get("dataset") != EVALUATION:
            continue
        labels = details.get("labels")
        if not isinstance(labels, list) or len(labels) != len(EVALUATION_LABELS):
            continue
        if other := sum(map(operator.ne, labels, EVALUATION_LABELS)):
            message = (
                f"The {named(record)} counts {other} pictures under another class than theirs."
            )
            yield "labels-not-the-splits", record, message


def one_machine_a_run(records: list[dict]) -> Untrue:
    """Yield records of a side-by-side run that was not on one machine."""
    machines: dict[str, str] = {}
    for record in records:
        run = record["details"].get("comparison_id")
        machine = record["machine"]["machine_id"]
        if isinstance(run, str) and machines.setdefault(run, machine) != machine:
            message = (
                f"The {named(record)} took turns with an option on another machine, which "
                "nothing can."
            )
            yield "run-on-two-machines", record, message


#: Multiplications per cycle of one core, at most, in any number format: with AMX's tiles, with two
#: units of AVX-512 and VNNI, and on every other processor (two units of 256 bits, 8-bit numbers).
#: Source: Intel's optimization manual, chapters on AMX and VNNI; Arm's dot product does fewer.
_PER_CYCLE = {"amx_int8": 1024, "amx_tile": 1024, "avx512f": 128, "avx512_vnni": 128}
_PER_CYCLE_ELSE = 64

#: No processor of the course's machines runs faster, in cycles a second.
_CLOCK_HZ = 6.5e9


def times_are_possible(
    records: list[dict], multiplications: Mapping[str, int]
) -> Iterator[tuple[str, dict, str]]:
    """Yield records on processors whose median is below what the recorded processor can do at most.

    Args:
        multiplications: Of one photo, by the sha256 of files that were measured again.
    """
    for record in records:
        count = multiplications.get(record["model"]["sha256"], 0)
        machine = record["machine"]
        used = {name for name, nodes in record["providers_used"].items() if nodes}
        on_processor = used <= _ON_PROCESSORS and (used or not machine["gpus"])
        if record["kind"] not in _IN_TURN or not count or not on_processor:
            continue
        per_cycle = max(
            (_PER_CYCLE[flag] for flag in machine["cpu_flags"] if flag in _PER_CYCLE),
            default=_PER_CYCLE_ELSE,
        )
        peak_per_s = per_cycle * _CLOCK_HZ * machine["cpu_count"]
        least_s = count * record["batch_size"] / peak_per_s
        if median(record["samples"]) < least_s:
            message = (
                f"The {named(record)} has a median below {1e3 * least_s:.3g} ms. Its file "
                f"multiplies {count / 1e6:.0f} million times for a photo, and the recorded "
                f"{machine['cpu_model']} needs longer for that at its peak."
            )
            yield "faster-than-the-processor", record, message


#: Providers that compute on the processor.
_ON_PROCESSORS = frozenset({"CPUExecutionProvider", "OpenVINO", "CPU"})

#: Every rule over measurements, oldest first, in the order in which findings are told.
RULES: tuple[Callable[[list[dict]], Untrue], ...] = (
    run_has_a_length,
    samples_fit_the_run,
    samples_vary,
    samples_are_taken_once,
    load_fits_its_senders,
    size_is_the_files,
    hash_means_one_file,
    accuracy_adds_up,
    labels_are_the_splits,
    one_machine_a_run,
)


@dataclass(frozen=True)
class Examined:
    """A ledger after the examination."""

    #: Entries that contradict nothing; answers and predictions all stay.
    entries: list[dict]
    findings: tuple[Contradiction, ...]


def examine(entries: list[dict]) -> Examined:
    """Return the entries of a ledger that can be true, and the findings; all entries fit the
    schema.
    """
    records = [entry for entry in entries if entry.get("type") == "measurement"]
    findings = []
    aside = set()
    for rule in RULES:
        for name, record, message in rule(records):
            record_id = str(record.get("record_id", ""))
            findings.append(Contradiction(name, (record_id,), message))
            aside.add(record_id)
    left = [entry for entry in entries if entry.get("record_id") not in aside]
    return Examined(left, tuple(findings))


def with_files(examined: Examined, multiplications: Mapping[str, int]) -> Examined:
    """Return an examined ledger without the times that no recorded processor can reach, now that
    its files were measured again.
    """
    records = [entry for entry in examined.entries if entry.get("type") == "measurement"]
    findings = list(examined.findings)
    aside = set()
    for name, record, message in times_are_possible(records, multiplications):
        record_id = str(record.get("record_id", ""))
        findings.append(Contradiction(name, (record_id,), message))
        aside.add(record_id)
    left = [entry for entry in examined.entries if entry.get("record_id") not in aside]
    return replace(examined, entries=left, findings=tuple(findings))
