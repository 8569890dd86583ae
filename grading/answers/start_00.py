"""Answers of lesson 00."""

# %% checkpoint="start.size_guess"
# 2.2 million numbers of four bytes each
predict("start.size_guess", 9)

# %% checkpoint="start.processors"
answer("start.processors", record.machine.cpu_count)
