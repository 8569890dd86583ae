"""Answers of lesson 27b."""

# %% checkpoint="e.lease.ratio_guess"
predict("e.lease.ratio_guess", 2.6)

# %% checkpoint="e.lease.slowdown_guess"
predict("e.lease.slowdown_guess", 1.1)


# %% checkpoint="e.lease.script"
def durations_s(run, calls):
    for _ in range(20):
        run()
    samples_s = []
    for _ in range(calls):
        begin_s = time.perf_counter()
        run()
        samples_s.append(time.perf_counter() - begin_s)
    return samples_s


# %% checkpoint="e.lease.flags"
def flags(text):
    number = int(text.strip().partition("=")[2], 16)
    return [bit for bit in range(32) if number >> bit & 1]


# %% checkpoint="e.lease.slowdown"
def slowdown(p50_s):
    count = max(1, round(len(p50_s) / 5))
    return float(np.median(p50_s[-count:]) / np.median(p50_s[:count]))


# %% checkpoint="e.lease.tested"
def word(option):
    if "Cortex-A76" not in machine.cpu_model:
        return "not tested"
    bar, p50_s = bars[option], race[option].percentile(50)
    return "within" if bar["low_s"] <= p50_s <= bar["high_s"] else "outside"


answer("e.lease.tested", {option: word(option) for option in ("edge-fp32", "edge-int8-s8s8")})
