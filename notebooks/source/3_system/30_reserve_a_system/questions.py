"""The question of "Reserve and provision a system": a lease on a node with two GPUs."""

from grading.builder.leases import lease_question

lease_question(
    "system.lease",
    "One node by name, from a full hour to ten to",
    part="system",
    points=2,
    hint="You need the three calls of *Reserve a machine*. `block` has the node's name, "
    "its start and its end.",
    how_to_reserve="Then run this cell with the three calls.",
)
