"""Answers of lesson 38."""

# %% checkpoint="s.ensemble.guess"
predict("s.ensemble.guess", "food_preprocess")

# %% checkpoint="s.ensemble.bytes"
sizes = {"tensor_s": tensor.details["body_bytes"], "photo_s": single.details["body_bytes"]}
weight = {name: size * 8 / 5e6 for name, size in sizes.items()}
weight["ratio"] = sizes["tensor_s"] / sizes["photo_s"]
answer("s.ensemble.bytes", weight)

# %% checkpoint="s.ensemble.sum"
explained_s = sum(step.queue_s + step.compute_s for step in steps.values())
share = explained_s / (sum(single.samples) / len(single.samples))
answer("s.ensemble.sum", share)

# %% checkpoint="s.ensemble.bottleneck"
bottleneck = {"step": max(shares, key=shares.get), "busy": max(shares.values())}
answer("s.ensemble.bottleneck", bottleneck)

# %% checkpoint="s.ensemble.scaled"
ratio = after.throughput_rps.value / before.throughput_rps.value
moved = {"ratio": ratio, "busiest": max(scaled, key=scaled.get)}
answer("s.ensemble.scaled", moved)
