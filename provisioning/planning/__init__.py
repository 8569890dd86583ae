"""Before the lease: which blocks are free, which one to take, and what fits into it."""
