"""Answers of lesson 43."""

# %% checkpoint="s.lease.two_guess"
predict("s.lease.two_guess", 1.5)

# %% checkpoint="s.lease.each_guess"
predict("s.lease.each_guess", 1.9)

# %% checkpoint="s.lease.four_guess"
predict("s.lease.four_guess", 0.7)


# %% checkpoint="s.lease.count"
def instances_by_device(groups):
    found = {}
    for group in groups:
        devices = [f"GPU {number}" for number in group["gpus"]] if group["kind"] == "KIND_GPU" else ["CPU"]
        for device in devices:
            found[device] = found.get(device, 0) + group["count"]
    return found


# %% checkpoint="s.lease.stanza"
def instance_group(count, gpus):
    kind = "KIND_GPU" if gpus else "KIND_CPU"
    named = f" gpus: [ {', '.join(map(str, gpus))} ]" if gpus else ""
    return f"instance_group [\n  {{ count: {count} kind: {kind}{named} }}\n]"


# %% checkpoint="s.lease.second"
claim = "more answers" if gain.low > 1 else "fewer answers" if gain.high < 1 else "cannot tell"
reason = "Both instances share the processors of this machine, and the clients want some of them too."
answer("s.lease.second", {"claim": claim, "reason": reason})

# %% checkpoint="s.lease.choice"
if gate["two NVIDIA GPUs"].available:
    chosen = {}
    for which in NAMES:
        rates = {name: runs[which, name].throughput_rps.value for name in arrangements}
        enough = [name for name in rates if rates[name] >= 0.95 * max(rates.values())]
        size = {name: count * max(1, len(on)) for name, (count, on) in arrangements.items()}
        chosen[which] = min(enough, key=lambda name: (size[name], -rates[name]))
    answer("s.lease.choice", chosen)
