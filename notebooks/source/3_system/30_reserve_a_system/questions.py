"""The question of "Reserve and provision a system": a lease on a node with two GPUs."""

from grading.builder.leases import lease_question

lease_question(
    "system.lease",
    "One node by name, from a full hour to ten to",
    part="system",
    points=2,
    hint="Choose a free block in the planner, press its button, and run the cell.",
)
