"""Answers of lesson 19."""

# %% checkpoint="m.release.left_guess"
predict("m.release.left_guess", "lease")

# %% checkpoint="m.release.hours"
from datetime import datetime

end, moment = (datetime.fromisoformat(text) for text in (lease_seen["end"], released["at"]))
hours_given_back = (end - moment).total_seconds() / 3600
answer("m.release.hours", hours_given_back)
