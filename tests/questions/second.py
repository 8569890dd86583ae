"""Second right solutions, named after lesson and question: written another way, they agree with the first ones."""

import math
from collections import Counter
from statistics import mean, median

import numpy as np

from labs.stats import mean_interval


def start__precomputed(photos, share_asked, photos_an_hour, dollars_an_hour):
    price = dollars_an_hour / photos_an_hour
    return [price * photos, price * (photos - photos * share_asked)]


def start__on_demand(requests_a_second, seconds_each, dollars_an_hour):
    machines = 1
    while machines < requests_a_second * seconds_each:
        machines += 1
    paid = machines * dollars_an_hour
    return machines, (paid - requests_a_second * seconds_each * dollars_an_hour) / paid


def start__over_link(photo_bytes, uplink_bits_a_second, round_trip_s, compute_s):
    return sum([compute_s, round_trip_s, photo_bytes / (uplink_bits_a_second / 8)])


def customers__waits(arrivals_h, every_h, photos_an_hour):
    runs = [math.ceil(arrival / every_h) for arrival in arrivals_h]
    return [
        run * every_h + runs.count(run) / photos_an_hour - arrival
        for run, arrival in zip(runs, arrivals_h, strict=True)
    ]


def customers__break_even(photo_bytes, round_trip_s, round_trips, cloud_s, device_s):
    for_photo_s = device_s - (cloud_s + round_trips * round_trip_s)
    if for_photo_s <= 0:
        return None
    return 1 / (for_photo_s / (photo_bytes * 8))


def measure__normalize(pixels, mean, std):
    """Return the photo plane by plane."""
    return np.stack([(pixels[:, :, at].astype(np.float32) / 255 - mean[at]) / std[at] for at in range(3)])


def measure__percentile(samples, q):
    """Return what numpy's own method of this definition does."""
    return np.percentile(samples, q, method="inverted_cdf")


def measure__batch(batch_sizes, images_a_second, share):
    """Return the size, found in a loop over the sorted sizes."""
    for size, rate in sorted(zip(batch_sizes, images_a_second, strict=True)):
        if rate / max(images_a_second) >= share:
            return size
    return None


def architecture__adds(height, width, channels_in, channels_out, kernel, groups):
    """Return the sum over the groups, each a small ordinary convolution."""
    of_one_group = (channels_in / groups) * (channels_out / groups) * kernel * kernel
    return int(height * width * groups * of_one_group)


def architecture__frontier(latencies_ms, accuracies):
    """Return the places, found from the fastest on."""
    kept, best = [], -np.inf
    for ms in sorted(set(latencies_ms)):
        here = [place for place, one in enumerate(latencies_ms) if one == ms]
        highest = max(accuracies[place] for place in here)
        if highest > best:
            kept += [place for place in here if accuracies[place] == highest]
            best = highest
    return sorted(kept)


def compile__fold(weight, bias, gamma, beta, mean, variance, epsilon):
    weights, biases = [], []
    for channel, kernel in enumerate(weight):
        deviation = (variance[channel] + epsilon) ** 0.5
        weights.append(kernel / deviation * gamma[channel])
        biases.append(beta[channel] + gamma[channel] * (bias[channel] - mean[channel]) / deviation)
    return np.array(weights), np.array(biases)


def compile__time_by_operator(events):
    """With a Counter, and the longest first."""
    times = Counter()
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            times[event["args"]["op_name"]] += event["dur"]
    return dict(times.most_common())


def compile__offset(layout, channel, row, column, channels, height, width):
    if layout == "NCHW":
        return np.ravel_multi_index((channel, row, column), (channels, height, width))
    return np.ravel_multi_index((row, column, channel), (height, width, channels))


def train__weakest(weight, count):
    """Rank by sorting pairs."""
    strength = [(float(np.sum(np.abs(one))), place) for place, one in enumerate(weight)]
    return sorted(place for _, place in sorted(strength)[:count])


def train__soft_targets(student_logits, teacher_logits, temperature):
    """Photo by photo, without shifting the logits."""
    losses = []
    for student, teacher in zip(student_logits, teacher_logits, strict=True):
        p, q = (np.exp(one / temperature) / np.sum(np.exp(one / temperature)) for one in (teacher, student))
        losses.append(-np.sum(p * np.log(q)))
    return temperature**2 * float(np.mean(losses))


def train__fake(x, scale, zero_point, qmin, qmax):
    """Clip the real numbers to the ends of the ruler, and round half up."""
    low, high = scale * (qmin - zero_point), scale * (qmax - zero_point)
    return scale * np.floor(np.clip(x, low, high) / scale + 0.5)


def train__straight(gradient, x, scale, zero_point, qmin, qmax):
    """Ask the real numbers."""
    inside = (x > scale * (qmin - zero_point)) & (x < scale * (qmax - zero_point))
    return np.where(inside, gradient, 0.0)


def server__nodes(events):
    """Return the number of different names by provider."""
    found = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            found.setdefault(event["args"]["provider"], set()).add(event["name"])
    return {provider: len(names) for provider, names in found.items()}


def server__joules(times_s, watts, images):
    """Return the area below the line, over the images."""
    return float(np.trapezoid(watts, times_s)) / images


def defend__pick(options, most_ms, least_accuracy):
    """Return the first that keeps both bounds, smallest first."""
    for one in sorted(options, key=lambda one: one["size_bytes"]):
        if not (one["p95_ms"] > most_ms or one["accuracy"] < least_accuracy):
            return one["name"]
    return None


def measurements__fewest(q):
    """Return the number, by trying."""
    n, share = 1, q / 100
    while share**n > 0.025:
        n += 1
    return n


def measurements__more(have, width, wanted):
    """Return the number by way of the ratio of the widths."""
    narrower = wanted / width
    return have / (narrower * narrower)


def measurements__claim(at_least, at_most):
    """Return what is left when 1 is not inside."""
    if at_least <= 1 <= at_most:
        return "cannot tell"
    return "faster" if at_least + at_most > 2 else "slower"


def kernels__transactions(addresses):
    return np.unique(np.array(addresses) >> 5).size


def kernels__bound(x, w, y, peak_flops, bandwidth):
    products = math.prod(y) * w[1] * w[2] * w[3]
    arithmetic = (products + products) / peak_flops
    return max(arithmetic, sum(4 * math.prod(shape) for shape in (x, w, y)) / bandwidth)


def budget__next_trial(tried, order, budget):
    """Follow the search from its beginning, trial by trial."""
    if not tried:
        return []
    kept, loss, layers = [], tried[0]["loss"], list(order)
    for trial in tried[1:]:
        layers.pop(0)
        if trial["loss"] < loss:
            kept, loss = list(trial["kept"]), trial["loss"]
    if loss <= budget or not layers:
        return None
    return kept + layers[:1]


def seeds__gain(with_it, without):
    """Leave the t distribution to the course's own statistics."""
    apart = [100 * (one - other) for one, other in zip(with_it, without, strict=True)]
    interval = mean_interval(apart)
    return [mean(apart), interval.low, interval.high]


def providers__precision(logits, expected):
    largest = max(abs(one) for row in expected for one in row)
    pairs = zip(logits.ravel(), expected.ravel(), strict=True)
    return all(abs(one - other) <= largest / 20000 for one, other in pairs)


def files__sdot(sums, activations, weights):
    """Return the sums, one group of four after the other."""
    found = [int(one) for one in sums]
    for place in range(16):
        found[place // 4] += int(activations[place]) * int(weights[place])
    return np.array(found, np.int32)


def pi__throttled(flags):
    """Return both bits by their worth."""
    return (flags & 4) == 4, (flags & 2**18) == 2**18


def pi__slow_down(windows_ms, count):
    """Return the ratio of two medians."""
    return median(windows_ms[len(windows_ms) - count :]) / median(windows_ms[:count])


def target__budget(size_bytes, most_bytes, right, total, least_accuracy):
    """Return the names of the bounds that do not hold."""
    holds = {"size": size_bytes <= most_bytes, "accuracy": right >= least_accuracy * total}
    return [name for name, true in holds.items() if not true]


def threads__amdahl(times, cores):
    alone = (cores / times - 1) / (cores - 1)
    return 1 - alone, 1 / alone


def pixels__bargain(before_right, after_right, before_s, after_s):
    lost = sum(before_right) - sum(after_right)
    return lost / len(before_right) * 100, median(before_s) / median(after_s)


def ondevice__rest(whole_s, parts_s):
    known = math.fsum(parts_s.values())
    return whole_s - known, 1 - known / whole_s


def ondevice__break_even(device_s, server_s, round_trip_s, photo_bytes):
    server_s += round_trip_s
    if device_s <= server_s:
        return None
    return photo_bytes / ((device_s - server_s) / 8)


def executorch__changed(before, after, labels):
    before, after, labels = map(np.asarray, (before, after, labels))
    differs = before != after
    return int(differs.sum()), int((differs & (before == labels)).sum())


def system__ends(steps):
    by_name = {step["name"]: step for step in steps}

    def end(name):
        step = by_name[name]
        return step["expected_s"] + max([end(needed) for needed in step["needs"]] or [0])

    return {name: end(name) for name in by_name}


def http__may_wait(deadline_s, seconds_each, workers):
    """Add a round of waiting photos as long as it still ends in time."""
    waiting, ends_s = 0, 2 * seconds_each
    while ends_s <= deadline_s:
        waiting, ends_s = waiting + workers, ends_s + seconds_each
    return waiting


def triton__inside(requests_a_second, latency_s):
    """Count the requests that come while one of them stays, a millisecond at a time."""
    return requests_a_second / 1000 * (latency_s * 1000)


def batching__mean_batch(before, after):
    """Take both differences in one go, and let a division by zero say that nothing happened."""
    images, executions = (after[name] - before[name] for name in ("inference_count", "execution_count"))
    try:
        return images / executions
    except ZeroDivisionError:
        return 0.0


def batching__busy(compute_ns, instances, wall_s):
    """Return how many instances computed on average, as a share of all."""
    return compute_ns * 1e-9 / wall_s / instances


def ensemble__most(seconds_of_steps, instances_of_steps):
    """Look for the step that takes longest for a request of the chain."""
    times = [seconds / instances for seconds, instances in zip(seconds_of_steps, instances_of_steps, strict=True)]
    place = max(range(len(times)), key=times.__getitem__)
    return [1 / times[place], place]


def scale__replicas(ongoing, target_ongoing, least, most):
    """Count up to the first number that is enough."""
    wanted = least
    while wanted * target_ongoing < ongoing and wanted < most:
        wanted += 1
    return wanted


def scale__idle(arrivals_s, seconds_each, keep_s, dollars_an_hour):
    """Go through the night, request by request."""
    starts, kept_s, gone_s = 0, 0.0, -1.0
    for place, arrival_s in enumerate(arrivals_s):
        starts += arrival_s > gone_s
        answer_s = arrival_s + seconds_each
        gone_s = answer_s + keep_s
        following = arrivals_s[place + 1] if place + 1 < len(arrivals_s) else float("inf")
        kept_s += min(gone_s, following) - answer_s
    return int(starts), kept_s * dollars_an_hour / 3600


def search__meets(latencies_s, failed, limit_s, q, most_failed):
    """A failed request is one that takes for ever."""
    seconds = sorted([*latencies_s, *[math.inf] * failed])
    in_time = sum(one <= limit_s for one in seconds) / len(seconds)
    return in_time >= q / 100 and failed / len(seconds) <= most_failed


def search__cost(images_a_second, dollars_an_hour):
    """By the images of an hour."""
    return dollars_an_hour / (3600 * images_a_second) * 1_000_000


def search__halving(trials, limit):
    """Move the ends trial by trial."""
    low, high = 0, limit
    for rate, kept in trials:
        if kept:
            low = max(low, rate)
        else:
            high = min(high, rate)
    return low + (high - low) / 2 if (high - low) / high > 0.2 else None


def queueing__wait(rate_rps, service_s, variability):
    """As the remaining service of those in front."""
    remaining_s = rate_rps * service_s**2 * (1 + variability) / 2
    return remaining_s / (1 - rate_rps * service_s)


def queueing__applies(due_rps, answered_rps, alone_s, loaded_s):
    if due_rps >= 1 / alone_s:
        return False
    if answered_rps / due_rps < 0.95:
        return False
    return 0.9 * alone_s <= loaded_s <= 1.1 * alone_s


def queueing__inside(begins_s, latencies_s, duration_s):
    total_s = 0.0
    for begin_s, latency_s in zip(begins_s, latencies_s, strict=True):
        total_s += min(latency_s, duration_s - begin_s)
    return total_s / duration_s


def cache__rate(hit_share, hit_s, miss_s):
    spent_s = 1000 * hit_share * hit_s + 1000 * (1 - hit_share) * miss_s
    return 1000 / spent_s


def platform__retry(failed_tries, status):
    own_fault = status // 100 == 4 and status != 429
    waits = {1: 0.1, 2: 0.2, 3: 0.4, 4: 0.5}
    return -1 if own_fault else waits.get(failed_tries, -1)


def platform__canary(stable, canary):
    """Say what must hold for a promotion."""
    if canary["requests"] <= 14:
        return "wait"
    rates = [one["errors"] / one["requests"] for one in (stable, canary)]
    good = rates[1] <= rates[0] + 0.01 and canary["p95_s"] <= stable["p95_s"] * 1.5
    return "promote" if good else "roll back"


def tokens__latencies(sent_s, arrived_s):
    return np.array(arrived_s)[0] - sent_s, np.diff(arrived_s).mean()


def tokens__kv_cache(config, tokens, prompts, bytes_per_number):
    share = config["num_key_value_heads"] / config["num_attention_heads"]
    each = 2 * config["hidden_size"] * share * config["num_hidden_layers"]
    return round(each * tokens * prompts * bytes_per_number)
