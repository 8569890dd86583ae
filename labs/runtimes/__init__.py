"""What runs beside a notebook: environments for wheels that exclude one another, child processes, loopback."""
