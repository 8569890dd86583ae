"""Choose an architecture: exported networks, what they compute and move, what a paired test shows, a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    checkpoint,
    failed,
    failed_as,
    function_question,
    passed,
    prediction,
)
from labs import stats
from labs.records import Records
from labs.records.candidates import of_machine
from labs.records.options import dominators, summarize
from labs.records.targets import target

#: The networks of the lesson, with the numbers that their weights come to.
WEIGHTS = {
    "mobilenetv2": 2_237_963,
    "mobilenetv2-050": 701_771,
    "mobilenetv4-conv-small": 2_507_115,
    "lcnet-100": 1_686_891,
    "efficientnet-lite0": 3_385_099,
}
#: Objectives of the choice; each is measured for all of them.
_OBJECTIVES = ("accuracy", "p50_s")


def _option(name: str) -> str:
    """Return a network's name in the records, where it must not be taken for one of the optimizations."""
    return f"arch-{name}"


@prediction(
    "m.arch.half_guess",
    about={"kind": "latency", "option": _option("mobilenetv2-050")},
    title="Predict the time of half of the channels, in per cent of the whole network's",
    unit="%",
    between=(1, 200),
)
def half_time(records: Records) -> float | None:
    """Return the measured ratio of the two times, in per cent."""
    names = _option("mobilenetv2-050"), _option("mobilenetv2")
    comparison = records.comparison(*names)
    return None if comparison is None else 100 * comparison.ratio(*names).interval.value


@prediction(
    "m.arch.fastest_guess",
    about={"kind": "latency", "option": _option("lcnet-100")},
    title="Predict which network answers a single image fastest here",
    choices=tuple(WEIGHTS),
)
def fastest(records: Records) -> str | None:
    """Return the network with the smallest ratio to the MobileNetV2."""
    comparison = records.comparison(*map(_option, WEIGHTS))
    if comparison is None:
        return None
    base = _option("mobilenetv2")
    times = {name: comparison.ratio(_option(name), base).interval.value for name in WEIGHTS if _option(name) != base}
    return min({**times, "mobilenetv2": 1.0}.items(), key=lambda item: item[1])[0]


def inspect_files(paths: Mapping[str, str | Path]) -> dict:
    """Return, for each file, its count of weights, its batch axis, and how many of 33 images it gets right."""
    import onnx
    import onnxruntime as ort

    from labs import assets
    from labs.data.dataset import load_split

    found = {}
    images, labels = load_split(assets.dataset("food11-mini"), "evaluation", limit=33)
    for name, path in paths.items():
        if not Path(path).is_file():
            continue
        graph = onnx.load(path, load_external_data=False).graph
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0]
        free = not isinstance(given.shape[0], int)
        right = None
        if free:
            right = int((session.run(None, {given.name: images})[0].argmax(1) == labels).sum())
        weights = sum(int(np.prod(tensor.dims)) for tensor in graph.initializer)
        found[name] = {"weights": weights, "free_batch": free, "right": right}
    return found


def _facts(**changed: object) -> dict:
    made = {name: {"weights": count, "free_batch": True, "right": 26} for name, count in WEIGHTS.items()}
    made["lcnet-100"] |= changed
    return made


@artefact_question(
    "m.arch.files",
    points=2,
    title="Export the networks to ONNX",
    hints=(
        "One call, with the arguments that stand in the text above.",
        "`torch.onnx.export(net, (torch.zeros(2, 3, 224, 224),), path, dynamo=True, dynamic_shapes=({0: "
        'torch.export.Dim("batch")},), external_data=False, opset_version=18)`.',
    ),
    inspect=inspect_files,
    mistakes={
        "missing": "A file is missing: all networks are wanted, under their own names.",
        "static_batch": "The batch axis of this file has a fixed length: name it in `dynamic_shapes`.",
        "another_network": "This file has another network's weights: export `net` to `path`.",
        "untrained": "This network is hardly ever right: are its weights loaded, and was `eval()` called?",
    },
    examples={
        "good": _facts(),
        "missing": {name: one for name, one in _facts().items() if name != "lcnet-100"},
        "static_batch": _facts(free_batch=False, right=None),
        "another_network": _facts(weights=WEIGHTS["mobilenetv2"]),
        "untrained": _facts(right=3),
    },
)
def files(facts: dict, records: Records) -> Verdict:
    """Judge each network's file."""
    for name, weights in WEIGHTS.items():
        if name not in facts:
            return failed_as("missing", name)
        found = facts[name]
        if not found["free_batch"]:
            return failed_as("static_batch", name)
        # The exporter folds batch norms, which leaves a few per cent fewer numbers.
        if not 0.9 * weights < found["weights"] < 1.05 * weights:
            return failed_as("another_network", name)
        if found["right"] < 8:
            return failed_as("untrained", name)
    return passed("Several networks in one format: whatever runs ONNX can run them all.")


def _layers(random: np.random.Generator) -> list[tuple]:
    made = []
    for kernel, depthwise, stride in ((1, False, 1), (3, True, 1), (3, True, 2), (3, False, 2), (5, True, 2)):
        channels, px = int(random.integers(2, 40)) * 8, int(random.integers(2, 29)) * 4
        out = channels if depthwise else int(random.integers(2, 40)) * 8
        sizes = {"in_channels": channels, "out_channels": out, "groups": channels if depthwise else 1}
        made.append(({**sizes, "kernel_px": kernel, "in_px": px, "out_px": px // stride},))
    return made


def _work(layer: Mapping, *, groups: bool = True, weights_moved: bool = True, size: int = 4) -> tuple[int, int]:
    of_one = layer["in_channels"] // (layer["groups"] if groups else 1)
    weights = layer["out_channels"] * of_one * layer["kernel_px"] ** 2
    maps = layer["in_channels"] * layer["in_px"] ** 2 + layer["out_channels"] * layer["out_px"] ** 2
    return weights * layer["out_px"] ** 2, size * (maps + (weights if weights_moved else 0))


@function_question(
    "m.arch.work",
    points=2,
    title="Count a convolution's multiply-adds and the bytes it moves",
    hints=(
        "Count the weights first: output channels × input channels of a group × window. Each is used at every place.",
        "`weights * out_px**2`, and `4 * (in_channels * in_px**2 + weights + out_channels * out_px**2)`.",
    ),
    cases=_layers,
    mistakes=(
        Mistake(
            "groups",
            lambda layer: _work(layer, groups=False),
            "A depthwise layer looks at one input channel for each output channel: divide by `groups`.",
        ),
        Mistake(
            "weights stay",
            lambda layer: _work(layer, weights_moved=False),
            "The weights have to be read as well.",
        ),
        Mistake(
            "numbers",
            lambda layer: _work(layer, size=1),
            "These are numbers; a float32 has four bytes.",
        ),
        Mistake(
            "input's places",
            lambda layer: (_work(layer)[0] // layer["out_px"] ** 2 * layer["in_px"] ** 2, _work(layer)[1]),
            "The sum is made once for each place of the *output*, which a stride makes smaller.",
        ),
    ),
    right="What a layer computes and what it moves are two numbers; their ratio says which of them takes the time.",
)
def work_of(layer: Mapping) -> tuple[int, int]:
    """Return multiply-adds and bytes."""
    return _work(layer)


def _pairs(random: np.random.Generator) -> list[tuple]:
    made = []
    # Images that only the first has right, only the second, both, neither.
    for only_a, only_b, both, neither in (
        (47, 7, 480, 126),
        (9, 3, 40, 8),
        (10, 3, 30, 5),
        (30, 28, 500, 102),
        (0, 0, 30, 3),
        (10, 1, 50, 9),
    ):
        a = np.repeat([1, 0, 1, 0], (only_a, only_b, both, neither))
        b = np.repeat([0, 1, 1, 0], (only_a, only_b, both, neither))
        order = random.permutation(len(a))
        made.append((a[order].tolist(), b[order].tolist()))
    return [*made, (made[0][1], made[0][0])]


def _own_pairs(records: Records) -> list[tuple]:
    found = [records.latest(kind="accuracy", option=_option(name)) for name in ("mobilenetv2", "lcnet-100")]
    return [] if None in found else [tuple([int(v) for v in one.samples] for one in found)]


def _p(right_a: Sequence, right_b: Sequence) -> float:
    return stats.paired_proportions(right_a, right_b).p_value


def _apart(right_a: Sequence, right_b: Sequence) -> bool:
    one, other = (stats.proportion_interval(int(sum(right)), len(right)) for right in (right_a, right_b))
    return one.low > other.high or other.low > one.high


@function_question(
    "m.arch.differs",
    points=1,
    title="Say whether two networks differ, by the paired test",
    hints=(
        "Count `only_a` and `only_b`, the images that just one of them has right; `n` is their sum, `k` the smaller.",
        "`2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n < 0.05`.",
    ),
    cases=_pairs,
    own=_own_pairs,
    needs=({"kind": "accuracy", "option": _option("lcnet-100")},),
    mistakes=(
        Mistake(
            "not paired", _apart, "Those are two intervals of their own: the pairs, which know more, are thrown away."
        ),
        Mistake(
            "one side",
            lambda a, b: _p(a, b) < 0.1,
            "Either network may turn out the better one: the test has two sides.",
        ),
        Mistake("turned around", lambda a, b: _p(a, b) >= 0.05, "Turned around: a *small* p speaks for a difference."),
        Mistake("any", lambda a, b: sum(a) != sum(b), "Two counts are rarely equal; chance alone makes them differ."),
    ),
    right="The same images for both: that is what makes a small difference visible.",
)
def differs(right_a: Sequence[int], right_b: Sequence[int]) -> bool:
    """Return whether McNemar's exact p value is below 0.05."""
    return _p(right_a, right_b) < 0.05


@checkpoint(
    "m.arch.choice",
    points=2,
    title="Choose a network for the server and one for the device, with a reason",
    hints=(
        "For the server, first leave out what the paired test calls worse than the MobileNetV2. Which file is < 5 MB?",
        "Of what is left in each place, take one to which no other is at least equal in accuracy and p50.",
    ),
    form={"server": tuple(WEIGHTS), "device": tuple(WEIGHTS), "reason": str},
    needs=tuple({"kind": "accuracy", "option": _option(name)} for name in WEIGHTS),
)
def choice(records: Records) -> Verdict:
    """Judge both choices by the student's own measurements; the reason is read by a person."""
    given, base = records.answer("m.arch.choice"), _option("mobilenetv2")
    # A lease's records, and another laptop's, are of other machines.
    here = of_machine(records, records.latest(kind="accuracy", option=base).machine_id)
    wanted = set(map(_option, WEIGHTS))
    options = {one.option: one for one in summarize(one for one in here.measurements() if one.option in wanted)}
    worse = {name for name in options if name != base and _less_accurate(here, name, base)}
    small = {
        name for name, one in options.items() if one.size_bytes and one.size_bytes.value < target("device").size_bytes
    }
    for place, left_out, why in (
        ("server", worse, "The paired test calls it less accurate than the MobileNetV2."),
        ("device", options.keys() - small, "This file is too large for the device."),
    ):
        chosen = _option(given[place])
        beaten_by = dominators([one for name, one in options.items() if name not in left_out], _OBJECTIVES)
        if chosen in left_out:
            return failed(why, given[place])
        if chosen not in beaten_by:
            return failed("Its time or its accuracy was not measured here.", given[place])
        if beaten_by[chosen]:
            winner = beaten_by[chosen][0].removeprefix("arch-")
            return failed(f"For the {place} it is beaten: {winner} is better in one and worse in none.", given[place])
    if len(given["reason"].split()) < 6:
        return failed("The choice holds. Say which difference you relied on, and by which test.", given["reason"])
    return passed("Neither choice can be improved in both accuracy and latency.", "", given["server"])


def _less_accurate(records: Records, name: str, base: str) -> bool:
    paired = records.paired_accuracy(name, base)
    return paired is not None and paired.difference < 0 and paired.p_value < 0.05
