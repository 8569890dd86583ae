"""Does the evidence agree with itself? Pure functions of ledger entries that compute again what records say.

A finding cannot be true of any honest run (samples that last longer than the run that holds them): its records are set
aside, alone, and whatever rests on them is judged as if they were missing. Nothing here asks how likely a time is: on
busy machines all are.
"""

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: Kinds whose samples are taken one after the other inside the run that the clock readings enclose.
_IN_TURN = ("latency", "throughput")

#: Kinds measured with a clock, many times.
_CLOCKED = (*_IN_TURN, "load")

#: Clock readings are two more calls than the samples know of; rounding in the file is far below this, in seconds.
_ROUNDING_S = 1e-4

#: Share by which sums of rounded times may exceed what bounds them.
_ROUNDING = 0.01

#: Of so many samples, a few may coincide: clocks tick in steps. All but a few never do.
_FEWEST_TO_JUDGE = 20
_LEAST_DISTINCT = 0.05

#: What an accuracy record calls the course's evaluation pictures.
EVALUATION = "food11-mini/evaluation"

#: Their classes, 0 to 10, in the split's order: sixty of each.
EVALUATION_LABELS = tuple(label for label in range(11) for _ in range(60))


@dataclass(frozen=True)
class Finding:
    """One thing that no honest run can hold; its records are set aside."""

    #: Stable name of the rule, such as 'samples-longer-than-run'.
    rule: str
    #: Record ids that it concerns.
    records: tuple[str, ...]
    #: One sentence for student and instructor, with the option's name.
    message: str

    def __str__(self) -> str:
        return self.message


#: Records that cannot be true, each behind the rule's stable name and before one sentence that says why.
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
    """Yield records whose samples, one after the other, last longer than the run that holds them."""
    for record in records:
        if record["kind"] not in _IN_TURN or record.get("concurrency", 1) != 1:
            continue
        total_s, wall_s = (
            sum(record["samples"]),
            record["monotonic_end_s"] - record["monotonic_start_s"],
        )
        if wall_s >= 0 and total_s > wall_s * 1.001 + _ROUNDING_S:
            message = f"The samples of the {named(record)} add up to {total_s:.3g} s, and its run lasted {wall_s:.3g} s."
            yield "samples-longer-than-run", record, message


def samples_vary(records: list[dict]) -> Untrue:
    """Yield records whose readings are (nearly) all the same."""
    for record in _clocked(records):
        count, values = len(record["samples"]), len(set(record["samples"]))
        if values <= max(2, _LEAST_DISTINCT * count):
            message = (
                f"The {named(record)} has {count} samples and {values} different values: no clock "
            )
            yield "samples-constant", record, message + "reads the same again and again."


def samples_are_taken_once(records: list[dict]) -> Untrue:
    """Yield records that hold the very samples of an earlier one."""
    first: dict[tuple[float, ...], dict] = {}
    for record in _clocked(records):
        before = first.setdefault(tuple(record["samples"]), record)
        if before is not record:
            yield (
                "samples-twice",
                record,
                f"The {named(record)} holds the very samples of the {named(before)}.",
            )


def load_fits_its_senders(records: list[dict]) -> Untrue:
    """Yield load records whose requests do not fit into their run.

    Source: Little (1961): requests inside at once are their rate times their time; N senders have at most N inside.
    """
    for record in records:
        load = record.get("load")
        if record["kind"] != "load" or not isinstance(load, dict):
            continue
        samples, offsets, failures = record["samples"], load["offsets_s"], load["failures"]
        if len(offsets) != len(samples):
            message = f"The {named(record)} has {len(samples)} answers and {len(offsets)} moments at which they began."
            yield "load-of-two-lengths", record, message
            continue
        ends = [a + b for a, b in zip(offsets, samples, strict=True)]
        ends += [failure["offset_s"] + failure["latency_s"] for failure in failures]
        inside_s = sum(samples) + sum(failure["latency_s"] for failure in failures)
        if load["mode"] == "closed" and inside_s > record["concurrency"] * max(ends) * (
            1 + _ROUNDING
        ):
            message = (
                f"In the {named(record)}, {record['concurrency']} senders waited {inside_s:.0f} s in all, within "
                f"{max(ends):.0f} s: each waits for one answer at a time."
            )
            yield "load-beyond-its-senders", record, message


def _clocked(records: list[dict]) -> Iterator[dict]:
    """Yield the records that have enough readings of a clock to be judged by them."""
    return (
        one
        for one in records
        if one["kind"] in _CLOCKED and len(one["samples"]) >= _FEWEST_TO_JUDGE
    )


def size_is_the_files(records: list[dict]) -> Untrue:
    """Yield size records that disagree with the file that they name."""
    for record in records:
        if record["kind"] == "size" and record["samples"][-1] != record["model"]["size_bytes"]:
            message = (
                f"The {named(record)} says {record['samples'][-1]:.0f} bytes, and its file has "
            )
            yield "size-not-the-files", record, message + f"{record['model']['size_bytes']}."


def hash_means_one_file(records: list[dict]) -> Untrue:
    """Yield records that give one hash two sizes: the later ones cannot be true."""
    sizes: dict[str, int] = {}
    for record in records:
        sha256, size_bytes = record["model"]["sha256"], record["model"]["size_bytes"]
        # A hash of nothing but one digit was typed.
        if sizes.setdefault(sha256, size_bytes) != size_bytes or len(set(sha256)) < 6:
            message = (
                f"The {named(record)} names a file whose hash and size do not belong together."
            )
            yield "hash-not-the-files", record, message


def accuracy_adds_up(records: list[dict]) -> Untrue:
    """Yield accuracy records whose samples are not what their classes and labels give, picture by picture."""
    for record in records:
        if record["kind"] != "accuracy":
            continue
        predicted, labels = (record["details"].get(name) for name in ("predicted", "labels"))
        sound = (
            isinstance(predicted, list)
            and isinstance(labels, list)
            and len(predicted) == len(labels)
        )
        if not sound or list(map(operator.eq, predicted, labels)) != record["samples"]:
            message = f"The {named(record)} does not follow from the classes that it holds."
            yield "accuracy-not-its-classes", record, message


def labels_are_the_splits(records: list[dict]) -> Untrue:
    """Yield accuracy records on the course's evaluation pictures that hold other labels than these have."""
    for record in records:
        details = record["details"] if record["kind"] == "accuracy" else {}
        labels = details.get("labels") if details.get("dataset") == EVALUATION else None
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
        run, machine = record["details"].get("comparison_id"), record["machine"]["machine_id"]
        if isinstance(run, str) and machines.setdefault(run, machine) != machine:
            message = f"The {named(record)} took turns with an option on another machine, which nothing can."
            yield "run-on-two-machines", record, message


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
    kept: list[dict]
    findings: tuple[Finding, ...]


def examine(entries: list[dict]) -> Examined:
    """Return which of a ledger's entries, all of which fit the schema, can be true, and what was found."""
    records = [entry for entry in entries if entry.get("type") == "measurement"]
    untrue = [one for rule in RULES for one in rule(records)]
    found = tuple(
        Finding(name, (str(one.get("record_id", "")),), message) for name, one, message in untrue
    )
    aside = {record for one in found for record in one.records}
    return Examined([entry for entry in entries if entry.get("record_id") not in aside], found)
