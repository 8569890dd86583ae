"""Choose an execution provider: who really ran, in which precision, and what may be compared with what."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import answer_to, is_close, latest, side_by_side
from labs import stats
from labs.records.format import times

PLAIN_JSON = True

#: Significant bits of a number, the leading one included. Source: IEEE 754 binary32; Intel's BFLOAT16 definition.
_BITS = {"fp32": 24, "bf16": 8}

#: Logits further apart than this, relative to the largest, were not both computed in float32: adding up in another
#: order gives 1e-6, bf16 gives 1e-2.
_FP32_APART = 5e-5

#: What the comparison of this lesson runs on.
_OPENVINO = ("OpenVINO provider",)

_ELSEWHERE = "OpenVINO does not run on this machine, so these points are for another one."


@prediction(
    "m.provider.openvino_guess",
    about={"kind": "latency", "option": "openvino"},
    title="Predict how many times as fast OpenVINO answers in the same precision",
    between=(0.05, 100),
    show=times,
)
def openvino_speedup(entries: list[dict]) -> float | None:
    """Return how many times shorter OpenVINO's median latency is than the CPU provider's, both in fp32."""
    blocks = side_by_side(entries, "openvino", "onnx-all")
    return None if blocks is None else 1 / stats.ratio_of_medians(*blocks).interval.value


@checkpoint(
    "m.provider.really_ran",
    points=2,
    needs=_OPENVINO,
    title="Read from profiles which provider really ran each option",
    hint="`max(nodes, key=nodes.get)` is the provider that ran most of an option's `nodes`.",
)
def really_ran(entries: list[dict]) -> Verdict:
    """Judge, for each option, the provider that ran most of its nodes."""
    given = answer_to(entries, "m.provider.really_ran")
    if given is None:
        return unanswered()
    used, requested, ran = given["used"], given["requested"], given["ran"]
    if "colleague" not in used:
        return failed(_ELSEWHERE)
    for option, nodes in used.items():
        expected = max(nodes, key=nodes.get)
        if option not in ran:
            return failed(f"{option} is missing: name a provider for each option in `used`.", expected)
        if ran[option] == expected:
            continue
        if ran[option] == requested[option]:
            return failed(
                f"{option}: this was asked for. The profile says what ran.",
                f"{option}: one of {', '.join(nodes)}",
                ran[option],
            )
        return failed(f"{option}: its profile shows another provider.", ", ".join(nodes), str(ran[option]))
    return passed(
        "One of them was asked for and did not come.", "what the profiles say", ", ".join(sorted(set(ran.values())))
    )


@checkpoint(
    "m.provider.witness",
    title="Say what would have given the fall-back away",
    hint="The setting was loaded, gave classes, and was profiled. At which of these could you tell?",
)
def witness(entries: list[dict]) -> Verdict:
    """Judge that only the profile tells."""
    given = answer_to(entries, "m.provider.witness")
    if given is None:
        return unanswered()
    yours = ", ".join(name for name, tells in given.items() if tells) or "none"
    if given["an error when loading"] is not False:
        return failed("Did the cell that loads it raise one?", yours=yours)
    if given["the classes that it names"] is not False:
        return failed(
            "How many classes differed from the CPU provider's? And for the option that did run?", yours=yours
        )
    if given["the profile of a run"] is not True:
        return failed("Compare `used` with what was asked for.", yours=yours)
    return passed("Right answers from the wrong place: only the profile knows.", yours=yours)


@checkpoint(
    "m.provider.precision",
    points=2,
    needs=_OPENVINO,
    title="Tell from the logits which options computed in float32",
    hint="2 to the power of minus the significant bits. Which of the differences is near which rounding?",
)
def precision(entries: list[dict]) -> Verdict:
    """Judge both formats' rounding, and the options whose logits agree to float32."""
    given = answer_to(entries, "m.provider.precision")
    if given is None:
        return unanswered()
    apart, chosen = given["apart"], set(given["in_fp32"]) - {"onnx-all"}
    for name, bits in _BITS.items():
        value, expected = given["rounding"][name], 2.0**-bits
        # Half a step, a step or two: books define it in different ways.
        if not expected * 0.49 <= value <= expected * 2.01:
            hint = "2 to the power of minus that many" if value < 1 else "a fraction, far below 1"
            return failed(f"{name} keeps {bits} significant bits: {hint}.", f"{expected:.1e}", f"{value:.1e}")
    expected = {option for option, far in apart.items() if far <= _FP32_APART} - {"onnx-all"}
    if not set(apart) - {"onnx-all"}:
        return failed(_ELSEWHERE)
    shown = (", ".join(sorted(expected)), ", ".join(sorted(chosen)))
    wrong = sorted(chosen - expected)
    if wrong:
        far = apart.get(wrong[0])
        reason = "is not an option here" if far is None else f"is {far:.1e} away, which float32 does not explain"
        return failed(f"{wrong[0]} {reason}.", *shown)
    left = sorted(expected - chosen)
    if left:
        return failed(f"{left[0]} is only {apart[left[0]]:.1e} away, whatever its label says.", *shown)
    return passed("The numbers say it, not the labels.", *shown)


@checkpoint(
    "m.provider.fair",
    points=3,
    needs=_OPENVINO,
    title="Compare two providers in the same precision, and say what may be said",
    hint="Both options need the same precision and the same threads; the interval may hold 1.",
)
def fair(entries: list[dict]) -> Verdict:
    """Judge the pair, its interval from the interleaved samples, and the claim."""
    given = answer_to(entries, "m.provider.fair")
    if given is None:
        return unanswered()
    pair = (given["option"], given["baseline"])
    records = [latest(entries, kind="latency", option=option) for option in ("openvino", "onnx-all")]
    blocks = side_by_side(entries, "openvino", "onnx-all")
    if None in records or blocks is None:
        return failed(f"There is no side-by-side record of openvino and onnx-all. {_ELSEWHERE}")
    yours = " over ".join(map(str, pair))
    if "openvino-bf16" in pair:
        both = "onnx-all" in pair
        reason = "provider and precision both change" if both else "the provider is the same on both sides"
        return failed(f"This pair does not tell: {reason}.", "a pair that differs in the provider only", yours)
    if pair == ("onnx-all", "openvino"):
        return failed("Turned around: OpenVINO is the option, the CPU provider its baseline.", yours=yours)
    if pair != ("openvino", "onnx-all"):
        return failed("Choose two options of this lesson that differ in the provider only.", yours=yours)
    if any(record["precision"] != "fp32" or ran_elsewhere(record) for record in records):
        return failed("One of these records was not computed in fp32 by the provider in its name: measure again.")
    interval = stats.ratio_of_medians(*blocks).interval
    claim = "cannot tell" if 1 in interval else f"OpenVINO is {'faster' if interval.high < 1 else 'slower'}"
    expected = f"{interval.low:.3f} to {interval.high:.3f}: {claim}"
    yours = f"{given['low']:.3f} to {given['high']:.3f}: {given['claim']}"
    if not all(is_close(given[end], getattr(interval, end), within=0.005) for end in ("low", "high")):
        return failed("This is not the interval of the newest side-by-side run.", expected, yours)
    if given["claim"] != claim:
        return failed("The interval is right. On which side of 1 does it lie, or does it hold 1?", expected, yours)
    return passed("One thing was changed, so one thing can be said.", expected, yours)


@checkpoint(
    "m.provider.bf16",
    points=2,
    gate=(*_OPENVINO, "bf16 on the CPU"),
    title="Say what bf16 brings on the same provider, and which classes it changes",
    hint='`comparison.ratio("openvino-bf16", "openvino")`, and two lists of `predicted` side by side.',
)
def bf16(entries: list[dict]) -> Verdict:
    """Judge the ratio of bf16 over fp32 and the number of pictures that changed their class."""
    given = answer_to(entries, "m.provider.bf16")
    if given is None:
        return unanswered()
    blocks = side_by_side(entries, "openvino-bf16", "openvino")
    records = [latest(entries, kind="accuracy", option=option) for option in ("openvino", "openvino-bf16")]
    if blocks is None or None in records:
        return failed("openvino-bf16 was not measured here: without bf16 in hardware these points are for elsewhere.")
    ratio = stats.ratio_of_medians(*blocks).interval.value
    before, after = (record["details"]["predicted"] for record in records)
    changed = sum(a != b for a, b in zip(before, after, strict=True))
    expected, yours = (
        f"× {value:.3f}, {count} pictures" for value, count in ((ratio, changed), (given["ratio"], given["changed"]))
    )
    if is_close(given["ratio"], 1 / ratio, within=0.005) and not is_close(ratio, 1, within=0.01):
        return failed("Turned around: bf16 over fp32 is asked for.", expected, yours)
    if not is_close(given["ratio"], ratio, within=0.005):
        return failed("This is not the ratio of openvino-bf16 over openvino from the newest run.", expected, yours)
    if given["changed"] == len(before) - changed and changed != given["changed"]:
        return failed("These are the pictures where they agree.", expected, yours)
    if given["changed"] != changed:
        return failed("Count the places where the two lists of classes differ.", expected, yours)
    return passed("Gain and price of the same change.", expected, yours)


def ran_elsewhere(record: dict) -> bool:
    """Return whether none of a record's nodes ran on the provider that was asked for."""
    return not record["providers_used"].get(record["provider_requested"])
