"""Answers of lesson 36."""

# %% checkpoint="s.onnx.gain_guess"
predict("s.onnx.gain_guess", 3)

# %% checkpoint="s.onnx.agree"
difference = float(np.ptp(list(probs.values()), axis=0).max())
answer("s.onnx.agree", {"difference": difference, "probs": probs, "labels": labels})

# %% checkpoint="s.onnx.fair"
ratio = rates_rps["way-ensemble"] / rates_rps["way-python"]
fair = {"option": "way-ensemble", "baseline": "way-python", "ratio": ratio}
answer("s.onnx.fair", fair)

# %% checkpoint="s.onnx.bytes"
sizes = {option: len(target.bodies[0]) for option, target in targets.items()}
heavier = sizes["way-onnx"] / sizes["way-python"]
answer("s.onnx.bytes", {"heavier": heavier, "sizes": sizes})

# %% checkpoint="s.onnx.scaled"
ratio = runs["way-onnx-2"].throughput_rps.value / runs["way-onnx"].throughput_rps.value
scaled_by = {"ratio": ratio, "ready_after_s": triton.changes[-1].ready_after_s}
answer("s.onnx.scaled", {**scaled_by, "change_s": triton.changes[-1].ready_after_s})
