"""Answers of lesson 24."""

# %% checkpoint="e.threads.gain_guess"
predict("e.threads.gain_guess", 2.5)

# %% checkpoint="e.threads.gain"
slowest = min((count for count in counts if count > 1), key=lambda count: gains[count].value)
answer("e.threads.gain", {"low": gains[cores].low, "high": gains[cores].high, "never": slowest})

# %% checkpoint="e.threads.amdahl"
gain, n = gains[cores].value, cores
share = (1 - 1 / gain) / (1 - 1 / n) if n > 1 else 0.0
most = 1 / (1 - share) if share < 1 else float(10**6)
answer("e.threads.amdahl", {"gain": gain, "cores": n, "parallel_share": share, "most_gain": most})

# %% checkpoint="e.threads.memory"
saved = (peaks["edge-fp32"] - peaks["edge-int8-s8s8"]) / 1e6
answer("e.threads.memory", {"saved_mb": saved, "file_share": sizes["edge-int8-s8s8"] / peaks["edge-int8-s8s8"]})

# %% checkpoint="e.threads.start"
cold = sum(parts.values())
answer("e.threads.start", {"cold_s": cold, "warm_s": warm, "times": cold / warm})
