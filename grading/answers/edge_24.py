"""Answers of lesson 24."""

# %% checkpoint="e.threads.gain_guess"
predict("e.threads.gain_guess", 2.5)

# %% checkpoint="e.threads.peak_guess"
predict("e.threads.peak_guess", 0.03)


# %% checkpoint="e.threads.amdahl"
def amdahl(gain, n):
    share = (1 - 1 / gain) / (1 - 1 / n)
    return share, 1 / (1 - share)
