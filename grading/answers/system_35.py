"""Answers of lesson 35."""

# %% checkpoint="s.copies.four_guess"
predict("s.copies.four_guess", 2)

# %% checkpoint="s.copies.scaling"
one_rps = runs[1].throughput_rps.value
scaling = {str(count): runs[count].throughput_rps.value / one_rps for count in (2, 4)}
answer("s.copies.scaling", scaling)

# %% checkpoint="s.copies.slower"
slower = runs[4].load.server.infer_s / runs[1].load.server.infer_s
answer("s.copies.slower", slower)

# %% checkpoint="s.copies.bottleneck"
full = "the processors" if busy[4] >= 0.85 else "something else"
bottleneck = {"busy": {"1": busy[1], "4": busy[4]}, "full": full}
answer("s.copies.bottleneck", bottleneck)

# %% checkpoint="s.copies.memory"
copy_bytes = (runs[4].details["memory_bytes"] - runs[1].details["memory_bytes"]) / 3
answer("s.copies.memory", copy_bytes)
