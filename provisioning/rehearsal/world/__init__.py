"""What the testbed knows: sites and their hardware, who holds what, and what time does to it."""
