"""Answers of lesson 29."""

# %% checkpoint="e.release.hours"
from datetime import datetime

end, moment = (datetime.fromisoformat(text) for text in (lease_seen["end"], released["at"]))
hours_given_back = (end - moment).total_seconds() / 3600
answer("e.release.hours", hours_given_back)

# %% checkpoint="e.release.left_guess"
predict("e.release.left_guess", "floating IP and lease")
