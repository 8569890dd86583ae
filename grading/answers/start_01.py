"""Answers of lesson 01."""

# %% checkpoint="start.submit_guess"
predict("start.submit_guess", "raises an error")

# %% checkpoint="start.statuses"
first, second = seen["status"], practice.status
answer("start.statuses", {"first": first, "second": second})
