"""Meet the model: what its file holds, where it errs, and what the manager's numbers mean."""

from __future__ import annotations

from collections import Counter

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import accuracy, answer_to, is_close, is_number, latest
from labs.labels import CLASS_NAMES
from labs.records.format import percent
from labs.records.targets import target

PLAIN_JSON = True

#: Bits of the number formats that the course's hardware computes with.
_FORMATS_BITS = (32, 16, 8, 4)

#: Weights are four-byte numbers; the rest of the file is running statistics and a header, a few per cent.
_SHARE_OF_WEIGHTS = (0.93, 1.001)


@prediction(
    "m.meet.accuracy_guess",
    about={"kind": "accuracy", "option": "torch-eager"},
    title="Predict how many of 100 pictures the model gets right",
    between=(0, 100),
    show=lambda of_100: f"{of_100:.0f} of 100",
)
def right_of_100(entries: list[dict]) -> float | None:
    """Return the measured accuracy as a count out of 100."""
    record = latest(entries, kind="accuracy", option="torch-eager")
    return None if record is None else 100 * accuracy(record)


@checkpoint(
    "m.meet.hardest_class",
    points=2,
    title="Find the class that the model gets wrong most often",
    hint="Group the table by `truth` and take the mean of `right`; then look for the smallest.",
)
def hardest_class(entries: list[dict]) -> Verdict:
    """Judge the class against the accuracy record's predicted and true classes; a tie allows each."""
    given = answer_to(entries, "m.meet.hardest_class")
    if given is None:
        return unanswered()
    record = latest(entries, kind="accuracy", option="torch-eager")
    if record is None:
        return failed("There is no record of the model's accuracy yet: run the cell that measures it.")
    shares = right_by_class(record)
    lowest = min(shares.values())
    expected = ", ".join(name for name, share in shares.items() if share == lowest)
    if given not in CLASS_NAMES:
        return failed("The name of a class is asked for, spelled as in the table.", "a class name", str(given))
    if shares[given] > lowest:
        highest = max(shares.values())
        if shares[given] == highest:
            return failed("This is the class that it gets right most often: look at the other end.", yours=given)
        return failed("Another class is wrong more often.", yours=f"{given}: {percent(shares[given])} right")
    return passed("No class is wrong more often.", f"{expected}: {percent(lowest)} right", given)


@checkpoint(
    "m.meet.parameters",
    title="Count the model's parameters",
    hint="`net.parameters()` gives tensors; each has `numel()` numbers in it.",
)
def parameters(entries: list[dict]) -> Verdict:
    """Judge the count against the file: four bytes each must nearly fill it."""
    given = answer_to(entries, "m.meet.parameters")
    if given is None:
        return unanswered()
    record = latest(entries, kind="size", option="torch-eager")
    if record is None:
        return failed("There is no record of the file's size yet: run the cell that measures it.")
    if not is_number(given):
        return failed("A number is asked for.", yours=str(given))
    size_bytes = record["samples"][-1]
    share = 4 * given / size_bytes
    expected = f"about {size_bytes / 4e6:.2f} million, from a file of {size_bytes / 1e6:.2f} MB"
    if _SHARE_OF_WEIGHTS[0] <= share <= _SHARE_OF_WEIGHTS[1]:
        return passed("Four bytes each, and they nearly fill the file.", expected, f"{given:,.0f}")
    if given < 1000:
        return failed(
            "This counts tensors (or millions). Each tensor holds many numbers: add their sizes up.",
            expected,
            f"{given:g}",
        )
    if _SHARE_OF_WEIGHTS[0] <= share / 4 <= _SHARE_OF_WEIGHTS[1]:
        return failed("These are bytes: count the numbers themselves.", expected, f"{given:,.0f}")
    return failed("Multiplied by four bytes, this does not fit the file's size.", expected, f"{given:,.0f}")


@checkpoint(
    "m.meet.bits",
    title="Choose the widest number format that fits the device's size limit",
    hint="The file has 32 bits for each number now. With 16 bits, it is half as large.",
)
def bits(entries: list[dict]) -> Verdict:
    """Judge the format against the file's size and the device target's limit."""
    given = answer_to(entries, "m.meet.bits")
    if given is None:
        return unanswered()
    record = latest(entries, kind="size", option="torch-eager")
    if record is None:
        return failed("There is no record of the file's size yet: run the cell that measures it.")
    limit = target("device").size_bytes
    sizes = {width: record["samples"][-1] * width / 32 for width in _FORMATS_BITS}
    if given not in sizes:
        return failed("Choose 32, 16, 8 or 4 bits.", yours=str(given))
    best = max((width for width in _FORMATS_BITS if sizes[width] < limit), default=min(_FORMATS_BITS))
    yours = f"{given} bits: {sizes[given] / 1e6:.2f} MB"
    if given > best:
        return failed("The file would still be too large for the device.", f"< {limit / 1e6:g} MB", yours)
    if given < best:
        return failed("This fits, but a wider format does too, and wider means more exact.", yours=yours)
    return passed("The widest that fits.", f"< {limit / 1e6:g} MB", yours)


_COMPLAINTS = {"spinner": "latency", "overnight": "throughput", "download": "size", "dessert": "accuracy"}


@checkpoint(
    "m.meet.complaints",
    points=2,
    title="Say which of the four numbers each complaint is about",
    hint="Ask what would have to become smaller, or larger, for that person to be content.",
)
def complaints(entries: list[dict]) -> Verdict:
    """Judge the number named for each complaint."""
    given = answer_to(entries, "m.meet.complaints")
    if given is None:
        return unanswered("Put one of latency, throughput, size and accuracy beside each complaint.")
    wrong = [name for name, number in _COMPLAINTS.items() if given.get(name) != number]
    if not wrong:
        return passed("Each of them is about another number.")
    twice = [number for number, count in Counter(given.values()).items() if count > 1]
    more = " Each number is needed once." if twice else ""
    return failed(
        f"Think again about: {', '.join(wrong)}.{more}", yours=", ".join(f"{k}: {given.get(k)}" for k in wrong)
    )


@checkpoint(
    "m.meet.one_by_one",
    points=2,
    title="Work out what the server's latency limit means for a queue of photos",
    hint="At 3 ms each, how many fit into one second?",
)
def one_by_one(entries: list[dict]) -> Verdict:
    """Judge frames a second one by one, and how many must then be under way at once for the throughput target."""
    given = answer_to(entries, "m.meet.one_by_one")
    if given is None:
        return unanswered()
    wanted = target("server-cpu")
    frames = 1 / wanted.p50_s
    factor = wanted.batch_fps / frames
    rate, times = given["frames_per_second"], given["times_short"]
    yours = f"{rate:g} frames/s, {times:g} times short"
    expected = f"{frames:.0f} frames/s, {factor:.1f} times short"
    if is_close(rate, wanted.p50_s * 1000, within=0.02):
        return failed("That is the latency in milliseconds; frames a second is its inverse.", yours=yours)
    if not is_close(rate, frames, within=0.02):
        return failed("The number of frames in a second is not right yet.", yours=yours)
    if is_close(times, 1 / factor, within=0.05):
        return failed("Turned around: by what must the frames a second be multiplied to reach the target?", yours=yours)
    if not is_close(times, factor, within=0.05):
        return failed(
            "The frames a second are right. By what must they be multiplied to reach the target?", yours=yours
        )
    return passed(
        "Latency alone does not buy throughput; the rest must come from work done side by side.", expected, yours
    )


def right_by_class(record: dict) -> dict[str, float]:
    """Return the share of pictures that were right, by the name of their true class."""
    truth, predicted = record["details"]["labels"], record["details"]["predicted"]
    total, right = Counter(truth), Counter(t for t, p in zip(truth, predicted, strict=True) if t == p)
    return {CLASS_NAMES[label]: right[label] / count for label, count in sorted(total.items())}
