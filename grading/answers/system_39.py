"""Answers of lesson 39."""

# %% checkpoint="s.cold.guess"
predict("s.cold.guess", 100)

# %% checkpoint="s.cold.largest"
largest = {}
for option, seconds in parts.items():
    largest[option] = max(("to alive", "to ready", "first answer"), key=seconds.get)
answer("s.cold.largest", largest)

# %% checkpoint="s.cold.runtime"
ratio = starts["cold-torch"]["load_time"].value.value / starts["cold-onnx"]["load_time"].value.value
answer("s.cold.runtime", ratio)

# %% checkpoint="s.cold.share"
mean_gap_s = 60
share = {"cold_share": exp(-30 / mean_gap_s), "idle_s_for_one_percent": mean_gap_s * log(100)}
answer("s.cold.share", share)
