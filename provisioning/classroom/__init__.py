"""A class on shared machines: who runs when, the leases for it, and who is where."""
