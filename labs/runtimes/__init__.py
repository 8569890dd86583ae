"""Resources of a notebook: environments, child processes, and ports on loopback."""
