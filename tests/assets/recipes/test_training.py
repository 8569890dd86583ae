"""Schedules, batches and loss parts do what their names say; numbers that a training reports are
right.
"""

import numpy as np
import pytest
from PIL import Image

from assets.recipes.drawings import Drawing
from labs.data.labels import CLASS_NAMES, NUM_CLASSES
from labs.data.preprocess import to_input
from labs.stats import proportion_interval


@pytest.fixture(scope="module", autouse=True)
def _torch():
    """Import torch for this module's tests, and not when tests are collected: it takes seconds."""
    global draw_batch, interval_over_drawings, mix, mobilenet_v2, normalise, pictures
    global shares_by_variety, silence_dead_filters, torch
    import torch
    from torchvision.models import mobilenet_v2

    from assets.recipes import pictures
    from assets.recipes.distil import shares_by_variety
    from assets.recipes.models import silence_dead_filters
    from assets.recipes.pictures import draw_batch, mix, normalise
    from assets.recipes.training import interval_over_drawings


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> list[Drawing]:
    """Return two foods of each class and a drawing that is none, each drawn as a grey square."""
    monkeypatch.setattr(
        pictures, "render", lambda *_: Image.new("RGBA", (40, 40), (99, 99, 99, 255))
    )
    foods = [Drawing("tiny", f"food-{index}", index // 2, "") for index in range(2 * NUM_CLASSES)]
    return [*foods, Drawing("tiny", "airplane", None, "")]


@pytest.mark.slow
def test_a_batch_is_repeatable_and_in_the_models_scale(drawings: list[Drawing]) -> None:
    """One generator state is one batch; inputs have the wanted size and a sane range; any drawing
    may come.
    """
    first, labels = draw_batch(drawings, 8, 96, torch.Generator().manual_seed(3))
    repeated, _ = draw_batch(drawings, 8, 96, torch.Generator().manual_seed(3))
    torch.testing.assert_close(first, repeated, rtol=0, atol=0)
    assert first.shape == (8, 3, 96, 96)
    assert labels.dtype == torch.int64
    assert -2.2 < first.min() <= first.max() < 2.7
    assert -1 in draw_batch(drawings[-3:], 30, 8, torch.Generator().manual_seed(3))[1]


@pytest.mark.slow
def test_class_shares_decide_what_is_drawn(drawings: list[Drawing]) -> None:
    """Classes without a share and drawings without food never appear; a class with more foods does
    not appear more often.
    """
    own = shares_by_variety()
    assert (CLASS_NAMES[int(own.argmax())], CLASS_NAMES[int(own.argmin())]) == (
        "Vegetable/Fruit",
        "Soup",
    )
    shares = torch.zeros(NUM_CLASSES)
    shares[2], shares[7] = 0.75, 0.25
    _, labels = draw_batch(
        [*drawings, *drawings[14:16] * 5], 200, 8, torch.Generator().manual_seed(3), shares
    )
    assert set(labels.tolist()) == {2, 7}
    assert 125 < (labels == 2).sum() < 175


def test_training_and_serving_scale_pictures_alike() -> None:
    """`normalise` is the last step of `labs.data.preprocess`."""
    image = Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    )
    tensor = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255
    np.testing.assert_allclose(normalise(tensor).numpy(), to_input(image), atol=2e-6)


@pytest.mark.parametrize("seed", range(6))
def test_targets_are_mixed_as_pictures_are(seed: int) -> None:
    """A picture of ones mixed with one of zeros is as bright as its target says, for mixup and for
    CutMix.
    """
    inputs = torch.stack([torch.ones(3, 64, 64), torch.zeros(3, 64, 64)])
    mixed, targets = mix(inputs, torch.eye(2), torch.Generator().manual_seed(seed))
    torch.testing.assert_close(mixed.mean((1, 2, 3)), targets[:, 0])
    torch.testing.assert_close(targets.sum(1), torch.ones(2))
    assert targets[0, 0] > 0.5


def test_drawings_that_fall_together_widen_the_interval() -> None:
    """Ten pictures of each drawing, all right or all wrong: the interval is that of drawings, not
    of pictures.
    """
    hits = np.repeat(np.array([1.0, 0.0] * 10), 10)
    low, high = interval_over_drawings(hits, np.repeat(np.arange(20), 10))
    drawn = proportion_interval(10, 20)
    assert high - low == pytest.approx(drawn.high - drawn.low, rel=0.15)


@pytest.mark.slow
def test_only_filters_that_see_nothing_are_silenced() -> None:
    """A channel killed by its batch norm loses its filter, the others keep theirs, and the logits
    stay.
    """
    torch.manual_seed(0)
    model, inputs = mobilenet_v2(num_classes=11).eval(), torch.randn(4, 3, 64, 64)
    expand, filters = model.features[8].conv[0], model.features[8].conv[1][0]
    with torch.no_grad():
        expand[1].weight[5], expand[1].bias[5] = 0.0, -1.0
        filters.weight[5] = 1000.0
        expected, before = model(inputs), filters.weight.clone()
        assert silence_dead_filters(model, inputs) >= 1
        torch.testing.assert_close(model(inputs), expected, rtol=0, atol=0)
    silenced = (filters.weight == 0).all(3).all(2).all(1)
    assert silenced[5]
    assert silenced.sum() < 80
    torch.testing.assert_close(filters.weight[~silenced], before[~silenced], rtol=0, atol=0)
