"""Answers of lesson 34."""

# %% checkpoint="s.batching.gain_guess"
predict("s.batching.gain_guess", 1.2)

# %% checkpoint="s.batching.alone_guess"
predict("s.batching.alone_guess", 3)

# %% checkpoint="s.batching.config"
batching = """
dynamic_batching {
  preferred_batch_size: [ 4, 8 ]
  max_queue_delay_microseconds: 5000
}
"""
config_path.write_text(PLAIN + batching)


# %% checkpoint="s.batching.mean"
def mean_batch(before, after):
    counts = [
        {one["batch_size"]: one["compute_infer"]["count"] for one in reading["model_stats"][0]["batch_stats"]}
        for reading in (before, after)
    ]
    runs = {size: count - counts[0].get(size, 0) for size, count in counts[1].items()}
    executions = sum(runs.values())
    return sum(size * count for size, count in runs.items()) / executions if executions else 0


# %% checkpoint="s.batching.company"
def company(rate_rps, delay_us):
    return 1 - math.exp(-rate_rps * delay_us * 1e-6)
