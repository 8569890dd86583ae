"""A simulated server with dynamic batching: when it executes which photos.

It follows Triton's rule: while the server is free, a batch begins as soon as it is full or its
oldest photo has waited for the queue delay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

#: Cost of an execution, and of each photo in it, in milliseconds.
EXECUTION_MS, PHOTO_MS = 6.0, 2.0


@dataclass(frozen=True)
class ServedPhoto:
    """When a photo arrived, and when its execution began and ended, in milliseconds."""

    arrived_ms: float
    began_ms: float
    ended_ms: float


def serve_in_batches(
    moments_ms: Sequence[Sequence[float]], largest: int, delay_ms: float
) -> list[ServedPhoto]:
    """Return the photos of one server, by arrival; those of one execution begin together.

    Args:
        moments_ms: When each client wants to send its photos, ascending. A client waits for its
            answer before it sends the next photo.
        largest: Most photos in an execution.
        delay_ms: Longest wait of a photo for others while the server is free.
    """
    left = [list(moments) for moments in moments_ms]
    ready_ms = [0.0] * len(left)
    photos: list[ServedPhoto] = []
    free_ms = 0.0
    while any(left):
        arrivals = _next_arrivals(left, ready_ms)
        begin_ms = _begin_ms([arrived for arrived, _ in arrivals], largest, delay_ms, free_ms)
        waiting = [arrival for arrival in arrivals if arrival[0] <= begin_ms]
        batch = waiting[:largest]
        free_ms = begin_ms + EXECUTION_MS + PHOTO_MS * len(batch)
        for arrived_ms, client in batch:
            photos.append(ServedPhoto(arrived_ms, begin_ms, free_ms))
            left[client].pop(0)
            ready_ms[client] = free_ms
    return sorted(photos, key=lambda photo: photo.arrived_ms)


def _next_arrivals(
    left: Sequence[Sequence[float]], ready_ms: Sequence[float]
) -> list[tuple[float, int]]:
    """Return each client's next photo as (arrival in ms, client), ascending."""
    arrivals = []
    for client, moments in enumerate(left):
        if moments:
            arrived_ms = max(moments[0], ready_ms[client])
            arrivals.append((arrived_ms, client))
    return sorted(arrivals)


def _begin_ms(arrivals_ms: Sequence[float], largest: int, delay_ms: float, free_ms: float) -> float:
    """Return when the next execution begins: when its batch is full, or the delay is over."""
    due_ms = arrivals_ms[0] + delay_ms
    if len(arrivals_ms) >= largest:
        due_ms = min(due_ms, arrivals_ms[largest - 1])
    return max(free_ms, due_ms)
