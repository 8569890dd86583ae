"""Answers of lesson 42."""

# %% checkpoint="s.platform.guess"
predict("s.platform.guess", 10)

# %% checkpoint="s.platform.isolated"
stretched = {kind: crowded[kind].percentile(95) / alone[kind].percentile(95) for kind in ("shared", "own")}
answer("s.platform.isolated", stretched)

# %% checkpoint="s.platform.crash"
crash = {kind: {"failed": len(run.load.failures), "slowest_s": max(run.samples)} for kind, run in fell.items()}
answer("s.platform.crash", crash)

# %% checkpoint="s.platform.template"
copies = next(count for count in range(1, 100) if 150 * 0.005 / count <= MOST_UTILIZATION)
by_hand = {"copies": copies, "queue_limit": round(copies * 0.095 / 0.005)}
answer("s.platform.template", by_hand)
