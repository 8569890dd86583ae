"""Answers of lesson 34."""

# %% checkpoint="s.batching.gain_guess"
predict("s.batching.gain_guess", 1.2)

# %% checkpoint="s.batching.mean"
mean_batch = batched.load.server.requests / batched.load.server.executions
answer("s.batching.mean", mean_batch)

# %% checkpoint="s.batching.gain"
before, after = plain.throughput_rps, batched.throughput_rps
low = after.low / before.high
high = after.high / before.low if before.low > 0 else None  # nothing bounds a ratio to what may be 0
claim = "better" if low > 1 else "worse" if high is not None and high < 1 else "cannot tell"
gain = {"ratio": after.value / before.value, "low": low, "high": high, "claim": claim}
answer("s.batching.gain", gain)

# %% checkpoint="s.batching.price"
price_s = waiting.percentile(50) - patient.percentile(50)
answer("s.batching.price", price_s)

# %% checkpoint="s.batching.worth"
company = {rate: 1 / rate < 0.005 for rate in (20, 100, 500)}
answer("s.batching.worth", {str(rate): found for rate, found in company.items()})
