"""Quantize, by hand: scale and zero point, what rounding and clipping cost, and one scale for each channel."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, unanswered
from grading.checkpoints.evidence import answer_to, is_close

PLAIN_JSON = True

#: The ends of the exercise's values, -0.5 and 1.0, and the integers that an unsigned byte offers.
_LOW, _HIGH, _STEPS = -0.5, 1.0, 255
_SCALE = (_HIGH - _LOW) / _STEPS
_ZERO_POINT = round(-_LOW / _SCALE)

#: The value that is sent through by hand.
_VALUE = 0.33

#: Decibels within which two figures of one tensor count as the same.
_SAME_DB = 0.02


@checkpoint(
    "m.quantize.affine",
    points=2,
    title="Work out scale and zero point for five numbers",
    hint="255 steps from the smallest to the largest value; then, how many steps is 0 above the smallest?",
)
def affine(entries: list[dict]) -> Verdict:
    """Judge scale and zero point of an unsigned byte over -0.5 to 1.0."""
    given = answer_to(entries, "m.quantize.affine")
    if given is None:
        return unanswered()
    scale, zero_point = given["scale"], given["zero_point"]
    yours = f"scale {scale:.6g}, zero point {zero_point:g}"
    if is_close(scale, _HIGH / 127, within=0.002):
        return failed(
            "That is the signed, symmetric ruler. This one reaches from the smallest to the largest.", "", yours
        )
    if is_close(scale, (_HIGH - _LOW) / 256, within=0.002):
        return failed("256 marks have 255 gaps between them.", "", yours)
    if is_close(scale, _HIGH / _STEPS, within=0.002):
        return failed("The ruler has to begin at the smallest value, which is below 0.", "", yours)
    if is_close(scale, 1 / _SCALE, within=0.002):
        return failed("Turned around: the scale is the width of one step.", "", yours)
    if not is_close(scale, _SCALE, within=0.002):
        return failed("The scale is the distance from smallest to largest, divided by the number of steps.", "", yours)
    if zero_point == 0:
        return failed("The scale is right. With mark 0 for the value 0, nothing negative could be written.", "", yours)
    if abs(zero_point - 128) <= 1:
        return failed("The scale is right. 0 is not in the middle of these values: count from the smallest.", "", yours)
    if zero_point != _ZERO_POINT:
        return failed(
            "The scale is right. The zero point is how many steps 0 lies above the smallest value.", "", yours
        )
    return passed("Any other pair would waste marks or cut values off.", "", yours)


@checkpoint(
    "m.quantize.roundtrip",
    points=2,
    title="Send a number to its integer and back, and one that lies outside",
    hint="integer = round(value / scale) + zero point, kept between 0 and 255.",
)
def roundtrip(entries: list[dict]) -> Verdict:
    """Judge the integer for 0.33, the real number it stands for, and what 1.4 comes back as."""
    given = answer_to(entries, "m.quantize.roundtrip")
    if given is None:
        return unanswered()
    steps = round(_VALUE / _SCALE)
    yours = f"integer {given['integer']:g}, back {given['back']:.5g}, 1.4 comes back as {given['outlier_back']:.5g}"
    if given["integer"] == steps:
        return failed("These are the steps above 0; the zero point has to be added.", "", yours)
    if given["integer"] != steps + _ZERO_POINT:
        return failed("Divide by the scale, round to a whole number, add the zero point.", "", yours)
    if abs(given["back"] - _VALUE) < 1e-9:
        return failed(
            "The integer is right. But it has forgotten the exact value: go back from the integer.", "", yours
        )
    if not is_close(given["back"], steps * _SCALE, within=1e-3):
        return failed("The integer is right. Back: take the zero point away, then multiply by the scale.", "", yours)
    if given["outlier_back"] > 1.3:
        return failed(
            "The way of 0.33 is right. There is no mark above 255: what does the last one stand for?", "", yours
        )
    if not is_close(given["outlier_back"], _HIGH, within=1e-3):
        return failed("The way of 0.33 is right. The outlier lands on the ruler's last mark.", "", yours)
    return passed("One lost a fraction of a step, the other everything above the ruler.", "", yours)


@checkpoint(
    "m.quantize.channels",
    points=2,
    title="Measure what one scale for each channel gains",
    hint="`rounding_error(weights, choose_affine(weights, signed=True, symmetric=True, axis=0)).snr_db`",
)
def channels(entries: list[dict]) -> Verdict:
    """Judge that two figures were worked out, and that they are the right way round."""
    given = answer_to(entries, "m.quantize.channels")
    if given is None:
        return unanswered()
    tensor, channel = given["per_tensor_db"], given["per_channel_db"]
    yours = f"per tensor {tensor:.1f} dB, per channel {channel:.1f} dB"
    if not all(0 < figure < 80 for figure in (tensor, channel)):
        return failed("A signal-to-noise ratio of 8 bits lies between 0 and 80 dB: take `.snr_db`.", "", yours)
    if abs(tensor - channel) < _SAME_DB:
        return failed("Both are for the same ruler: one has `axis=0` and the other `axis=None`.", "", yours)
    if tensor > channel:
        return failed("Turned around: more scales cannot make more noise.", "", yours)
    return passed("So many decibels for one number more a channel.", f"{channel - tensor:.1f} dB gained", yours)
