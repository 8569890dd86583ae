"""Answers of lesson 26."""

# %% checkpoint="e.serve.overhead_guess"
predict("e.serve.overhead_guess", 1.3)


# %% checkpoint="e.serve.parts"
def rest_share(whole_s, inside_s):
    return (whole_s - sum(inside_s.values())) / whole_s


# %% checkpoint="e.serve.break_even"
def break_even_s(device_s, server_s):
    return max(0.0, device_s - server_s)
