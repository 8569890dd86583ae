"""The simulated batcher keeps Triton's rule: full, or the oldest has waited for the delay."""

import pytest

from labs.serve.batcher import EXECUTION_MS, PHOTO_MS, ServedPhoto, serve_in_batches

ALONE_MS = EXECUTION_MS + PHOTO_MS


@pytest.mark.parametrize(
    ("moments_ms", "largest", "delay_ms", "begins_ms"),
    [
        pytest.param([[5.0]], 4, 0.0, [5], id="a free server begins at once"),
        pytest.param([[5.0]], 4, 10.0, [15], id="one photo waits for the whole delay"),
        pytest.param([[5.0]], 1, 10.0, [5], id="a batch of one is always full"),
        pytest.param([[0.0], [3.0]], 2, 10.0, [3, 3], id="a full batch begins before the delay"),
        pytest.param([[0.0], [3.0], [4.0]], 2, 0.0, [0, 8, 8], id="who waits goes together"),
        pytest.param([[0.0], [1.0], [2.0]], 1, 0.0, [0, 8, 16], id="one after the other"),
        pytest.param([[0.0], [9.0], [30.0]], 4, 10.0, [10, 10, 40], id="two within the delay"),
        pytest.param([[0.0, 1.0, 20.0]], 4, 0.0, [0, 8, 20], id="a client waits for its answer"),
    ],
)
def test_when_photos_are_executed(moments_ms, largest, delay_ms, begins_ms):
    """Each photo begins as the rule says, and ends after its execution's cost."""
    photos = serve_in_batches(moments_ms, largest, delay_ms)
    assert [photo.began_ms for photo in photos] == begins_ms
    for photo in photos:
        size = begins_ms.count(photo.began_ms)
        assert photo.ended_ms - photo.began_ms == EXECUTION_MS + size * PHOTO_MS


def test_a_photo_that_had_to_wait_for_its_client_arrives_after_the_answer():
    """Its wait counts from there, as a closed loop's does."""
    first, second = serve_in_batches([[0.0, 1.0]], 1, 0.0)
    assert first == ServedPhoto(0.0, 0.0, ALONE_MS)
    assert second == ServedPhoto(ALONE_MS, ALONE_MS, 2 * ALONE_MS)
