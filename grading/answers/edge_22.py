"""Answers of lesson 22."""

# %% checkpoint="e.bring.latency_guess"
predict("e.bring.latency_guess", 0.008)


# %% checkpoint="e.bring.fit"
def fit(files, most_bytes):
    whole = {name: one for name, one in files.items() if one["here"] == one["there"]}
    return sorted(name for name, one in whole.items() if one["size_bytes"] < most_bytes)


# %% checkpoint="e.bring.sdot"
def sdot(sums, activations, weights):
    products = activations.astype(np.int32) * weights
    return (sums + products.reshape(4, 4).sum(1)).astype(np.int32)
