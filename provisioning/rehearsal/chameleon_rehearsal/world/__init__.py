"""The testbed's state: sites and their hardware, who holds resources, and the effects of time."""
