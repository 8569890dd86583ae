"""Answers of lesson 41."""

# %% checkpoint="s.theory.ninety_guess"
predict("s.theory.ninety_guess", 3.7)

# %% checkpoint="s.theory.capacity"
capacity_rps = 1 / service_s
answer("s.theory.capacity", capacity_rps)

# %% checkpoint="s.theory.utilization"
utilization = [run.throughput_rps.value * run.load.server.compute_s for run in runs]
answer("s.theory.utilization", utilization)

# %% checkpoint="s.theory.wait"
rho = runs[2].load.offered_rps * service_s
wait = {"M/M/1": rho * service_s / (1 - rho), "M/D/1": rho * service_s / (1 - rho) / 2}
wait["nearer"] = min(wait, key=lambda name: abs(wait[name] - runs[2].load.server.queue_s))
answer("s.theory.wait", wait)

# %% checkpoint="s.theory.little"
last = runs[-1]
inside = last.throughput_rps.value * (last.load.server.queue_s + last.load.server.compute_s)
answer("s.theory.little", inside)

# %% checkpoint="s.theory.batch"
gain = 16 * cost.service_s(1) / cost.service_s(16)
batch = {"fixed_s": cost.fixed_s, "per_picture_s": cost.per_picture_s, "gain": gain}
answer("s.theory.batch", batch)

# %% checkpoint="s.theory.batched"
growth = batched[-1].load.offered_rps * cost.per_picture_s
size = batched[-1].load.offered_rps * cost.fixed_s / (1 - growth) if growth < 1 else 16
sizes = {"expected": min(max(size, 1), 16), "counted": batched[-1].load.server.mean_batch}
answer("s.theory.batched", sizes)

# %% checkpoint="s.theory.fails"
factor = pair.load.server.compute_s / service_s
fails = {"promised_rps": 2 / service_s, "reached_rps": pair.throughput_rps.value, "service_factor": factor}
fails["assumption"] = "service time does not depend on the load" if factor > 1.05 else "none"
answer("s.theory.fails", fails)
