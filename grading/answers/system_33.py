"""Answers of lesson 33."""

# %% checkpoint="s.queue.eight_guess"
predict("s.queue.eight_guess", 1.3)

# %% checkpoint="s.queue.share"
share = server.queue_s / latency_s
answer("s.queue.share", share)

# %% checkpoint="s.queue.why"
why = "one copy works on one request at a time"
answer("s.queue.why", why)

# %% checkpoint="s.queue.little"
inside = [one.throughput_rps.value * sum(one.samples) / len(one.samples) for one in runs]
answer("s.queue.little", inside)

# %% checkpoint="s.queue.batch"
gain = {"P100": 656.6 / 52.4, "here": pictures_rps["batch of 16"] / pictures_rps["16 senders"]}
answer("s.queue.batch", gain)
