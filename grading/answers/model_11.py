"""Answers of lesson 11."""

# %% checkpoint="m.measure.batch_guess"
predict("m.measure.batch_guess", 2.5)

# %% checkpoint="m.measure.compile_guess"
predict("m.measure.compile_guess", 2)


# %% checkpoint="m.measure.percentile"
def percentile(samples_s, q):
    """Return the seconds that `q` of 100 samples stay under (an array, in the order taken)."""
    return float(np.percentile(samples_s, q))


# %% checkpoint="m.measure.fewest_samples"
def fewest_samples(q):
    """Return the smallest n whose samples all lie under the q-th percentile in at most 2.5 of 100 runs."""
    # (q / 100) ** n <= 0.025
    return math.ceil(math.log(0.025) / math.log(q / 100))


# %% checkpoint="m.measure.more_samples"
def samples_needed(have, width, wanted):
    """Return how many samples give an interval of width `wanted`, when `have` samples gave one of `width`."""
    return have * (width / wanted) ** 2


# %% checkpoint="m.measure.batches"
predicted("m.measure.batch_guess")
for record in bench.throughput(net, images, option="torch-eager", batch_sizes=(1, 4, 16, 32)):
    ledger().append(record)


# %% checkpoint="m.measure.knee"
def knee(batch_sizes, throughputs_fps):
    """Return the smallest batch size whose throughput is at least 0.9 times the best (two lists)."""
    good_enough = 0.9 * max(throughputs_fps)
    return min(size for size, fps in zip(batch_sizes, throughputs_fps, strict=True) if fps >= good_enough)


# %% checkpoint="m.measure.serial_share"
def serial_share(one_s, many_s, threads):
    """Return the share that is not parallel, from the times with one thread and with `threads`."""
    # many / one = s + (1 - s) / n
    return (many_s / one_s - 1 / threads) / (1 - 1 / threads)


# %% checkpoint="m.measure.claim"
def claim(low, high):
    """Return 'faster', 'slower' or 'cannot tell' for the new option, from the interval of new over old."""
    if low <= 1 <= high:
        return "cannot tell"
    return "faster" if high < 1 else "slower"
