"""Answers of lesson 25."""

# %% checkpoint="e.busy.slowdown_guess"
predict("e.busy.slowdown_guess", 1.2)

# %% checkpoint="e.busy.told"
answer("e.busy.told", {"not_told": vitals["unreadable"], "power": bool(vitals["power"]["covers"])})

# %% checkpoint="e.busy.flags"
answer("e.busy.flags", [bit for bit in FLAGS if 0xE0008 >> bit & 1])

# %% checkpoint="e.busy.slowdown"
from statistics import median

seconds = [window["p50_s"] for window in windows]
fifth = max(1, round(len(seconds) * 0.2))
bits = windows[-1]["throttle_bits"]
claim = "cannot tell" if bits is None else "held back" if bits & 0b1110 else "not held back"
answer("e.busy.slowdown", {"ratio": median(seconds[-fifth:]) / median(seconds[:fifth]), "claim": claim})

# %% checkpoint="e.busy.energy"
answer("e.busy.energy", {"joules_a_photo": 7 / 120, "photos": 15 * 3600 / (7 / 120)})
