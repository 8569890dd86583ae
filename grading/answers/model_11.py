"""Answers of lesson 11."""

# %% checkpoint="m.measure.batch_guess"
predict("m.measure.batch_guess", 2.5)

# %% checkpoint="m.measure.compile_guess"
predict("m.measure.compile_guess", 2)

# %% checkpoint="m.measure.percentiles"
percentiles = {f"p{q}": np.percentile(samples, q) for q in (50, 95, 99)}
answer("m.measure.percentiles", percentiles)

# %% checkpoint="m.measure.certainty"
widths = {q: stats.median_interval(samples, q=q).relative_half_width for q in (50, 95, 99)}
widest = max(widths, key=widths.get)
samples_beyond = np.sum(samples > np.percentile(samples, widest))
answer("m.measure.certainty", {"widest": f"p{widest}", "samples_beyond": samples_beyond})

# %% checkpoint="m.measure.more_samples"
# four times as narrow: sixteen times the samples
answer("m.measure.more_samples", 16 * len(samples))

# %% checkpoint="m.measure.accuracy_interval"
points = 100 * (accuracy.value.high - accuracy.value.low) / 2
answer("m.measure.accuracy_interval", points)

# %% checkpoint="m.measure.batches"
batch_sizes = (1, 4, 16, 32)
records = bench.throughput(eager, images, option="torch-eager", batch_sizes=batch_sizes)
for record in records:
    ledger().append(record)

# %% checkpoint="m.measure.knee"
fps = {record.batch_size: record.throughput_fps.value for record in records}
good_enough = min(size for size in fps if fps[size] >= 0.9 * max(fps.values()))
answer("m.measure.knee", good_enough)

# %% checkpoint="m.measure.speedup"
found = {"low": 0, "high": 0, "claim": "cannot tell"}
if comparison:
    interval = comparison.ratio("torch-compiled", "torch-eager").interval
    faster = "compiled is faster" if interval.high < 1 else "eager is faster"
    claim = "cannot tell" if 1 in interval else faster
    found = {"low": interval.low, "high": interval.high, "claim": claim}
answer("m.measure.speedup", found)

# %% checkpoint="m.measure.gap"
fastest_s = min(record.percentile(50) for record in (comparison.records if comparison else [latency]))
answer("m.measure.gap", fastest_s / target("server-cpu").p50_s)
