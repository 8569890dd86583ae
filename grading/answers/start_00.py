"""Answers of lesson 00."""

# %% checkpoint="start.size_guess"
# 2.2 million numbers of four bytes each
predict("start.size_guess", 9)


# %% checkpoint="start.megabytes"
def megabytes(size_bytes):
    """Return a size in megabytes (MB, a million bytes)."""
    return size_bytes / 1e6
