"""Answers of lesson 37."""

# %% checkpoint="s.several.slower_guess"
predict("s.several.slower_guess", 1.5)

# %% checkpoint="s.several.slower"
slower = classifier_both.percentile(50) / classifier_alone.percentile(50)
answer("s.several.slower", slower)

# %% checkpoint="s.several.shares"
shares = {
    "classifier": classifier_both.throughput_rps.value / classifier_alone.throughput_rps.value,
    "palette": palette_both.throughput_rps.value / palette_alone.throughput_rps.value,
}
shares["sum"] = sum(shares.values())
answer("s.several.shares", shares)

# %% checkpoint="s.several.during"
failed = len(during.load.failures)
answer("s.several.during", failed)

# %% checkpoint="s.several.refused"
refused = {"status": palette_crowd.load.failures[0].status, "page": "leave them out"}
answer("s.several.refused", refused)
