"""Answers of lesson 40."""

# %% checkpoint="s.best.guess"
predict("s.best.guess", "1x1")


# %% checkpoint="s.best.meets"
def meets(record, objective):
    latencies_s, failed = np.asarray(record["latencies_s"]), record["failed"]
    due = len(latencies_s) + failed
    within = (latencies_s <= objective["latency_s"]).sum()
    return bool(within >= objective["q"] / 100 * due and failed <= objective["error_rate"] * due)


# %% checkpoint="s.best.cost"
def cost_per_million(images_per_s, price_per_hour):
    if images_per_s <= 0:
        return float("inf")
    return price_per_hour / 3600 / images_per_s * 1e6


# %% checkpoint="s.best.best"
def best(results):
    kept = [one for one in results if one["kept_rps"] > 0]
    if not kept:
        return None
    return min(kept, key=lambda one: one["price_per_hour"] / one["kept_rps"])["option"]


# %% checkpoint="s.best.next"
def next_rate(trials, limit_rps):
    kept_rps = max((rate for rate, kept in trials if kept), default=0.0)
    broken_rps = min((rate for rate, kept in trials if not kept), default=limit_rps)
    if broken_rps - kept_rps <= 0.15 * broken_rps:
        return None
    return (kept_rps + broken_rps) / 2


# %% checkpoint="s.best.verified"
claim = stats.verdict(p95, objective["latency_s"], above="broken", below="kept")
reason = "The search kept the luckiest of short runs, and two seconds hold too few independent busy periods."
answer("s.best.verified", {"claim": claim, "reason": reason})

# %% checkpoint="s.servers.guess"
predict("s.servers.guess", "course service")
