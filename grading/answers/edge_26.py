"""Answers of lesson 26."""

# %% checkpoint="e.serve.overhead_guess"
predict("e.serve.overhead_guess", 1.3)

# %% checkpoint="e.serve.parts"
rest = service.value.value - sum(inside.values())
answer("e.serve.parts", {"prepare": inside["prepare"], "model": inside["model"], "rest": rest})

# %% checkpoint="e.serve.network"
way_s = far.value.value - service.value.value
answer("e.serve.network", {"seconds": way_s, "real": far.details["over"] == "network"})

# %% checkpoint="e.serve.break_even"
answer("e.serve.break_even", app.value.value - server_s)
