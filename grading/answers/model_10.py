"""Answers of lesson 10."""

# %% checkpoint="m.meet.accuracy_guess"
predict("m.meet.accuracy_guess", 85)

# %% checkpoint="m.meet.parameters"
count = sum(tensor.numel() for tensor in net.parameters())
answer("m.meet.parameters", count)

# %% checkpoint="m.meet.bits"
# 2.2 million numbers of 2 bytes are 4.5 MB
answer("m.meet.bits", 16)

# %% checkpoint="m.meet.hardest_class"
hardest = table.groupby("truth")["right"].mean().idxmin()
answer("m.meet.hardest_class", hardest)

# %% checkpoint="m.meet.complaints"
complaints = {
    "spinner": "latency",
    "overnight": "throughput",
    "download": "size",
    "dessert": "accuracy",
}
answer("m.meet.complaints", complaints)

# %% checkpoint="m.meet.one_by_one"
frames_per_second = 1 / 0.003
times_short = 1000 / frames_per_second
answer("m.meet.one_by_one", {"frames_per_second": frames_per_second, "times_short": times_short})
