"""Answers of lesson 20."""

# %% checkpoint="e.reserve.lease"
seen = evidence.of_lease(testbed, "edge")
status, minutes = seen["status"], (block.end - block.start).total_seconds() / 60
answer("e.reserve.lease", {"status": status, "minutes": minutes})

# %% checkpoint="e.reserve.free_guess"
predict("e.reserve.free_guess", 4)
