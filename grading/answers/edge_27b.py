"""Answers of lesson 27b."""

# %% checkpoint="e.lease.ratio_guess"
predict("e.lease.ratio_guess", 2.6)

# %% checkpoint="e.lease.slowdown_guess"
predict("e.lease.slowdown_guess", 1.1)


# %% checkpoint="e.lease.flags"
def flags(text):
    number = int(text.strip().partition("=")[2], 16)
    return [bit for bit in range(32) if number >> bit & 1]


# %% checkpoint="e.lease.slowdown"
def slowdown(p50_s):
    count = max(1, round(len(p50_s) / 5))
    return float(np.median(p50_s[-count:]) / np.median(p50_s[:count]))


# %% checkpoint="e.lease.energy"
def joules_an_image(windows):
    known = [one["power_w"] for one in windows if one["power_w"] is not None]
    if not known:
        return None
    return float(np.mean(known)) * windows[-1]["t_s"] / sum(one["calls"] for one in windows)


# %% checkpoint="e.lease.tested"
def word(option):
    if "Cortex-A76" not in machine.cpu_model:
        return "not tested"
    bar, p50_s = bars[option], race[option].percentile(50)
    return "within" if bar["low_s"] <= p50_s <= bar["high_s"] else "outside"


answer("e.lease.tested", {option: word(option) for option in ("edge-fp32", "edge-int8-s8s8")})
