"""Answers of lesson 40."""

# %% checkpoint="s.best.guess"
predict("s.best.guess", "2x1")

# %% checkpoint="s.best.winner"
best = best_of(found)
winner = {"option": best.option, "rate_rps": best.kept_rps} if best else {"option": "none", "rate_rps": 0}
answer("s.best.winner", winner)

# %% checkpoint="s.best.price"
fastest = max(found, key=lambda one: one.most_rps).option
price = {"fastest": fastest, "share": found[0].kept_rps / found[0].most_rps}
answer("s.best.price", price)

# %% checkpoint="s.best.skipped"
skipped = {"options": [one.option for one in found if len(one.records) == 1], "could_win": False}
answer("s.best.skipped", skipped)

# %% checkpoint="s.best.verified"
from labs import stats

p95 = latency_interval(*verified, q=95)
word = stats.verdict(p95, objective.latency_s, above="broken", below="kept")
verdict = {"p95_s": p95.value, "low": p95.low, "high": p95.high, "verdict": word}
answer("s.best.verified", verdict)
