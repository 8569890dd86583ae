"""Answers of lesson 14c."""

# %% checkpoint="m.prune.accuracy_guess"
predict("m.prune.accuracy_guess", 78)


# %% checkpoint="m.quantize.tuner"
def next_trial(tried, order, budget):
    """Return the list of layers to keep in float32 in the next trial, or None when the search is over."""
    if not tried:
        return []
    best = min(tried, key=lambda trial: trial["loss"])
    done = {trial["kept"][-1] for trial in tried if trial["kept"]}
    left = [layer for layer in order if layer not in done]
    if best["loss"] <= budget or not left:
        return None
    return [*best["kept"], left[0]]


# %% checkpoint="m.quantize.budget"
tried, order, budget_files = [], sensitivity["layer"].tolist()[:12], {}
for name, budget in (("int8-budget-05", 0.05), ("int8-budget-01", 0.01)):
    while (kept := next_trial(tried, order, budget)) is not None:
        tried.append({"kept": kept, "loss": loss_with(kept)})
    best = min(tried, key=lambda trial: trial["loss"])
    budget_files[name] = quantized_with(best["kept"], models_dir() / f"{name}.onnx")


# %% checkpoint="m.prune.weakest"
def weakest_channels(weights, count):
    """Return the sorted indices of the count channels whose weights have the smallest Euclidean norm."""
    norms = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)
    return sorted(np.argsort(norms)[:count].tolist())


# %% checkpoint="m.prune.file"
pruned_path = models_dir() / "int8-pruned.onnx"
quantize_static(
    pruned_prepared,
    pruned_path,
    ImageReader(training_images[::4]),
    calibrate_method=CalibrationMethod.Percentile,
    extra_options=percentile,
    **quantization_format().settings(),
)


# %% checkpoint="m.prune.claim"
def claim(lost, gained):
    """Return what may be said of a model that lost and gained so many images."""
    from scipy.stats import binomtest

    if lost + gained == 0 or binomtest(lost, lost + gained).pvalue >= 0.05:
        return "cannot tell"
    return "worse" if lost > gained else "better"
