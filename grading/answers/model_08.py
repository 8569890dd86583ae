"""Answers of lesson 08."""

# %% checkpoint="m.reserve.wait_guess"
predict("m.reserve.wait_guess", 12)

# %% checkpoint="m.reserve.draft_hours"
from datetime import datetime

begin, end = (datetime.strptime(text, "%Y-%m-%d %H:%M") for text in (draft.start_date, draft.end_date))
hours = (end - begin).total_seconds() / 3600
answer("m.reserve.draft_hours", hours)

# %% checkpoint="m.reserve.end"
end_text = f"{block.start + timedelta(hours=2, minutes=50):%Y-%m-%d %H:%M}"
answer("m.reserve.end", end_text)

# %% checkpoint="m.reserve.lease"
seen = facts.of_lease(testbed, "model")
status, minutes = seen["status"], (block.end - block.start).total_seconds() / 60
answer("m.reserve.lease", {"status": status, "minutes": minutes})
