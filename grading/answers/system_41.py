"""Answers of lesson 41."""

# %% checkpoint="s.theory.ninety_guess"
predict("s.theory.ninety_guess", 3.7)


# %% checkpoint="s.theory.wait"
def mean_wait_s(rate_rps, service_s, variability):
    rho = rate_rps * service_s
    if rho >= 1:
        raise ValueError("the queue grows without end")
    return rho * service_s / (1 - rho) * (1 + variability) / 2


# %% checkpoint="s.theory.applies"
def applies(due_rps, answered_rps, alone_s, loaded_s):
    settles = due_rps * alone_s < 1
    keeps_up = answered_rps >= 0.95 * due_rps
    return settles and keeps_up and abs(loaded_s / alone_s - 1) <= 0.1


# %% checkpoint="s.theory.inside"
def mean_inside(begins_s, latencies_s, duration_s):
    ends_s = np.minimum(begins_s + latencies_s, duration_s)
    return float((ends_s - begins_s).sum() / duration_s)


# %% checkpoint="s.theory.overload"
reason = "Under overload more arrives than leaves: those still inside at the end are counted with their whole stay."
law_holds = {"where": "only where answers keep up with arrivals", "reason": reason}
answer("s.theory.overload", law_holds)


# %% checkpoint="s.theory.batch"
def mean_batch(rate_rps, fixed_s, per_image_s, largest):
    # b = rate * (fixed + per image * b)
    grows = rate_rps * per_image_s
    if grows >= 1:
        return float(largest)
    return float(min(max(rate_rps * fixed_s / (1 - grows), 1), largest))


# %% checkpoint="s.theory.fails"
word = "service time does not depend on the load" if growth > 1.05 else "none"
reason = "Two instances share caches, memory and, on this machine, the processors with the client that measures."
broken = {"assumption": word, "reason": reason}
answer("s.theory.fails", broken)
