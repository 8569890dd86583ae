"""Before the lease: which blocks are free, which one to take, and which lessons fit into it."""
