"""Answers of lesson 30."""

# %% checkpoint="s.reserve.lease"
seen = facts.of_lease(testbed, "system")
status, minutes = seen["status"], (block.end - block.start).total_seconds() / 60
answer("s.reserve.lease", {"status": status, "minutes": minutes})

# %% checkpoint="s.reserve.wait_guess"
predict("s.reserve.wait_guess", 5)

# %% checkpoint="s.reserve.p100"
runs_on_p100 = ["triton 24.10", "torch cu126"]
answer("s.reserve.p100", runs_on_p100)
