"""Answers of lesson 09."""

# %% checkpoint="m.provision.minutes_guess"
predict("m.provision.minutes_guess", 30)

# %% checkpoint="m.provision.critical"
critical = list(run.plan.critical_path)
answer("m.provision.critical", critical)

# %% checkpoint="m.provision.rehearsed"
rehearsed = [name for name, outcome in seen["checks"].items() if outcome == "rehearsed"]
answer("m.provision.rehearsed", rehearsed)

# %% checkpoint="m.provision.once"
held = seen["held"]
answer("m.provision.once", held)
