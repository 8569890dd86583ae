"""Answers of lesson 14b."""

# %% checkpoint="m.quantize.form_guess"
predict("m.quantize.form_guess", "int8-static-qdq")

# %% checkpoint="m.quantize.calibration"
chosen = {"split": "training", "count": 128, "needs_labels": False}
answer("m.quantize.calibration", chosen)

# %% checkpoint="m.quantize.forms"
intervals = {name: comparison.ratio(name, "onnx-all").interval for name in backends if name != "onnx-all"}
fastest = min(intervals, key=lambda name: intervals[name].value)
slower = [name for name, interval in intervals.items() if interval.low > 1]
answer("m.quantize.forms", {"fastest": fastest, "slower": slower})

# %% checkpoint="m.quantize.flips"
lost = sum(a > b for a, b in zip(before, after, strict=True))
gained = sum(a < b for a, b in zip(before, after, strict=True))
answer("m.quantize.flips", {"lost": lost, "gained": gained})
