"""Answers of lesson 14."""

# %% checkpoint="m.quantize.form_guess"
predict("m.quantize.form_guess", "int8-static-qdq")

# %% checkpoint="m.quantize.dynamic_guess"
predict("m.quantize.dynamic_guess", 0.5)

# %% checkpoint="m.quantize.affine"
scale = (max(values) - min(values)) / 255
zero_point = round(-min(values) / scale)
answer("m.quantize.affine", {"scale": scale, "zero_point": zero_point})

# %% checkpoint="m.quantize.roundtrip"
integer = round(0.33 / scale) + zero_point
back = scale * (integer - zero_point)
outlier_back = scale * (255 - zero_point)
answer("m.quantize.roundtrip", {"integer": integer, "back": back, "outlier_back": outlier_back})

# %% checkpoint="m.quantize.channels"
settings = {"signed": True, "symmetric": True}
per_tensor_db = rounding_error(weights, choose_affine(weights, axis=None, **settings)).snr_db
per_channel_db = rounding_error(weights, choose_affine(weights, axis=0, **settings)).snr_db
answer("m.quantize.channels", {"per_tensor_db": per_tensor_db, "per_channel_db": per_channel_db})

# %% checkpoint="m.quantize.searches"
searches = dynamic_ops["DynamicQuantizeLinear"]
answer("m.quantize.searches", {"searches": searches, "op_counts": dynamic_ops})

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

# %% checkpoint="m.quantize.worst_layer"
row = ranking.sort_values("alone_snr_db").iloc[0]
kept = ranking[["node", "alone_snr_db", "float_bytes"]].to_dict("records")
worst = {"node": row["node"], "added_bytes": row["float_bytes"], "ranking": kept}
answer("m.quantize.worst_layer", worst)

# %% checkpoint="m.quantize.tuner"
kept_steps = [step for step in search.steps if step.kept]
loss = min(step.loss for step in kept_steps)
read = {"float_layers": len(kept_steps) - 1, "loss": loss, "within_budget": loss <= 0.01}
steps = search.table()[["kept", "loss"]].to_dict("records")
answer("m.quantize.tuner", {**read, "steps": steps})

# %% checkpoint="m.quantize.budget"
losses = {name: 100 * (accuracies["onnx-all"] - value) for name, value in accuracies.items()}
lost_05, lost_01 = losses["int8-budget-05"], losses["int8-budget-01"]
verdicts = {"lost_05": lost_05, "kept_05": lost_05 <= 5, "lost_01": lost_01, "kept_01": lost_01 <= 1}
answer("m.quantize.budget", verdicts)

# %% checkpoint="m.quantize.floor"
answer("m.quantize.floor", onnx_path.stat().st_size / 4 / 1e6)
