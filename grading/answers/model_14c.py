"""Answers of lesson 14c."""

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

# %% checkpoint="m.prune.accuracy_guess"
predict("m.prune.accuracy_guess", 78)

# %% checkpoint="m.prune.where"
layers = narrow.table()[["name", "before", "after"]].to_dict("records")
counts = {"before": narrow.weights_before, "after": narrow.weights_after}
most = max(layers, key=lambda layer: layer["before"] - layer["after"])["name"]
share = 1 - narrow.weights_after / narrow.weights_before
answer("m.prune.where", {"layer": most, "share": share, "counts": counts, "layers": layers})

# %% checkpoint="m.prune.claim"
lost = sum(a > b for a, b in zip(before, after, strict=True))
gained = sum(a < b for a, b in zip(before, after, strict=True))
share = stats.proportion_interval(lost, lost + gained)
words = "cannot tell" if 0.5 in share else "worse" if share.low > 0.5 else "better"
answer("m.prune.claim", {"lost": lost, "gained": gained, "claim": words})
