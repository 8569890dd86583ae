"""Answers of lesson 14b."""

# %% checkpoint="m.quantize.format_guess"
predict("m.quantize.format_guess", "int8-static-qdq")

# %% checkpoint="m.quantize.formats"
u8s8 = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": True}
s8s8 = {"activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8, "per_channel": True}
formats = {
    "int8-static-qdq": u8s8,
    "int8-static-qoperator": {**u8s8, "quant_format": QuantFormat.QOperator},
    "int8-static-s8s8": s8s8,
    "int8-static-u8u8": {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QUInt8},
    "int8-static-7bit": {**u8s8, "reduce_range": True},
}


# %% checkpoint="m.quantize.slower"
def slower_than_float(intervals):
    """Return the sorted names of the formats that are slower than float32 beyond doubt."""
    return sorted(name for name, (low, high) in intervals.items() if low > 1)


# %% checkpoint="m.quantize.flips"
def lost_and_gained(before, after):
    """Return (lost, gained): images right before and wrong after, and images wrong before and right after."""
    lost = sum(a > b for a, b in zip(before, after, strict=True))
    gained = sum(a < b for a, b in zip(before, after, strict=True))
    return int(lost), int(gained)


# %% checkpoint="m.quantize.saturates"
def pair_sum(activations, weights):
    """Return what VPMADDUBSW makes of two activations (0 to 255) and two weights (-128 to 127): one 16-bit integer."""
    total = activations[0] * weights[0] + activations[1] * weights[1]
    return int(min(max(total, -32768), 32767))


# %% checkpoint="m.quantize.other_machine"
reason = "Seven-bit weights never overflow 16 bits, so it computes the same there as here."
answer("m.quantize.other_machine", {"format": "int8-static-7bit", "reason": reason})
