"""Answers of lesson 49."""

# %% checkpoint="s.release.hours"
from datetime import datetime

end, moment = (datetime.fromisoformat(text) for text in (lease_seen["end"], released["at"]))
hours_given_back = (end - moment).total_seconds() / 3600
answer("s.release.hours", hours_given_back)

# %% checkpoint="s.release.orphans_guess"
predict("s.release.orphans_guess", 0)
