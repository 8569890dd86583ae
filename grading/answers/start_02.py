"""Answers of lesson 02."""

# %% checkpoint="start.serving.night_guess"
# some fifty photos a second
predict("start.serving.night_guess", 33)

# %% checkpoint="start.serving.small_guess"
predict("start.serving.small_guess", 60)


# %% checkpoint="start.serving.waits"
def waits_h(arrivals_h, every_h, fps):
    """Return the hours that each photo waits for its result, an array as long as the arrivals."""
    run = np.ceil(arrivals_h / every_h)
    _, which, count = np.unique(run, return_inverse=True, return_counts=True)
    return run * every_h + count[which] / fps / 3600 - arrivals_h


# %% checkpoint="start.serving.precomputed"
def precomputed(images, asked, runs, start_s, fps, usd_per_h):
    """Return {"usd": dollars a day, "wasted_usd": those spent on classifying photos that nobody asks for}."""
    paid_s = runs * start_s + images / fps
    return {"usd": paid_s / 3600 * usd_per_h, "wasted_usd": (images - asked) / fps / 3600 * usd_per_h}


# %% checkpoint="start.serving.on_demand"
def on_demand(photos_per_h, latency_s, most_busy, usd_per_h):
    """Return {"machines": how many, "usd": dollars a day, "idle_share": share of the paid time without work}."""
    machines = math.ceil(max(photos_per_h) * latency_s / 3600 / most_busy)
    busy_h = sum(photos_per_h) * latency_s / 3600
    return {"machines": machines, "usd": machines * 24 * usd_per_h, "idle_share": 1 - busy_h / (24 * machines)}


# %% checkpoint="start.serving.over_link"
def over_link_s(photo_mb, upload_mbit_s, round_trip_s, round_trips, compute_s):
    """Return the seconds from sending a photo until the answer is back."""
    return round_trips * round_trip_s + 8 * photo_mb / upload_mbit_s + compute_s


# %% checkpoint="start.serving.break_even"
def break_even_mbit_s(photo_mb, round_trip_s, round_trips, cloud_s, device_s):
    """Return the uplink in Mbit/s at which cloud and device take equally long."""
    left_s = device_s - cloud_s - round_trips * round_trip_s
    return 8 * photo_mb / left_s if left_s > 0 else math.inf


# %% checkpoint="start.serving.frontier"
def on_frontier(options):
    """Return the places (0, 1, …) of the options that no other beats, in order."""

    def beats(one, other):
        nowhere_worse = one[0] <= other[0] and one[1] <= other[1] and one[2] >= other[2]
        return nowhere_worse and list(one) != list(other)

    return [place for place, other in enumerate(options) if not any(beats(one, other) for one in options)]


# %% checkpoint="start.serving.decisions"
decisions_path = workspace_dir() / "decisions.csv"
rows = []
for one in CUSTOMERS:
    table = pd.DataFrame(designs(one))
    lost = rates[224]["accuracy"] - table["accuracy"]
    kept = table[(table["wait_s"] <= one.may_wait_s) & (lost <= one.may_lose + 1e-9)]
    ordered = kept.sort_values(["usd_per_day", "accuracy", "wait_s"], ascending=[True, False, True])
    rows.append({"customer": one.name, **(ordered.iloc[0] if len(ordered) else {"design": "none"})})
pd.DataFrame(rows).to_csv(decisions_path, index=False)

# %% checkpoint="start.serving.reason"
one = customer("canteens")
cloud_s = over_link_s(one.photo_mb, FIBRE_MBIT_S, one.round_trip_s, 1, rates[224]["latency_s"])
answer(
    "start.serving.reason",
    {
        "choice": "device",
        "cloud_s": cloud_s,
        "for_device": "Guests' faces never leave the room, and a till goes on naming dishes when the line is down at "
        "noon, which is the one hour that counts.",
        "against_device": "Twelve small computers have to be updated, replaced and protected by somebody, and together "
        "they cost more than one server that all of them could ask.",
    },
)
