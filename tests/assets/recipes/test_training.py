"""Schedules, averages, checkpoints, batches and loss parts do what their names say."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from assets.recipes.augment import draw_batch, mix, normalise
from assets.recipes.distil import mean_of, shares_by_variety
from assets.recipes.evaluation import interval_over_drawings
from assets.recipes.pool import Pool
from assets.recipes.training import Average, Checkpoint, Journal, accuracy, cosine, keep_strided_depthwise_float32
from labs.labels import CLASS_NAMES, NUM_CLASSES
from labs.preprocess import to_input
from labs.stats import proportion_interval


def test_the_learning_rate_rises_straight_and_falls_to_a_hundredth() -> None:
    """The peak follows the warm-up, half of the fall lies half way, and the end is a hundredth of the peak."""
    rates = [cosine(step, 110, 1.0, warmup=10) for step in range(111)]
    assert rates[:10] == pytest.approx([0.1 * i for i in range(1, 11)])
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert rates[60] == pytest.approx(0.505)
    assert rates[110] == pytest.approx(0.01)


def test_the_average_follows_quickly_at_first_and_slowly_later() -> None:
    """The first update takes 9/11 of the new weights, a late one the share that the decay leaves."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = Average(model, 0.9)
    nn.init.ones_(model.weight)
    average.update(model)
    assert average.model.weight.item() == pytest.approx(9 / 11)
    for _ in range(300):
        average.update(model)
    nn.init.constant_(model.weight, 2.0)
    before = average.model.weight.item()
    average.update(model)
    assert average.model.weight.item() - before == pytest.approx(0.1, abs=1e-3)


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    """Weights, optimizer state and random numbers all continue."""

    def train(path: Path, stop_at: tuple[int, ...]) -> torch.Tensor:
        for stop in stop_at:
            torch.manual_seed(0)
            model, generator = nn.Linear(3, 1), torch.Generator().manual_seed(1)
            optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
            checkpoint = Checkpoint(path, model=model, optimizer=optimizer)
            for step in range(checkpoint.restore(generator), stop):
                inputs = torch.randn(8, 3, generator=generator)
                loss = (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                checkpoint.save(step + 1, generator)
        return model.weight.detach()

    torch.testing.assert_close(train(tmp_path / "a.pt", (3, 5, 9)), train(tmp_path / "b.pt", (9,)), rtol=0, atol=0)


def test_the_journal_is_one_json_object_a_line(tmp_path: Path) -> None:
    """Entries append, and numbers keep six digits."""
    path = tmp_path / "folder" / "journal.jsonl"
    Journal(path).write(stage="a", step=1, loss=1 / 3)
    Journal(path).write(stage="b", step=2, loss=12345678.0)
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert entries == [{"stage": "a", "step": 1, "loss": 0.333333}, {"stage": "b", "step": 2, "loss": 12345700.0}]


def test_what_a_training_took_is_counted_over_its_resumptions(tmp_path: Path) -> None:
    """Steps and pictures are those of each stage's last line; time that began anew is added."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write(stage="start", step=0, images=0)
    for stage, step, elapsed_s in (("a", 1, 60.0), ("a", 2, 90.0), ("a", 3, 30.0), ("b", 1, 120.0)):
        journal.write(stage=stage, step=step, images=10 * step, elapsed_s=elapsed_s)
    assert journal.spent() == {"steps": 4, "images": 40, "minutes": 4.0}


def test_float32_depthwise_layers_give_the_same_result() -> None:
    """Only strided depthwise convolutions are kept out of bfloat16, and outside of it nothing changes."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 4, 3, stride=2, groups=4), nn.Conv2d(4, 4, 3, groups=4))
    inputs = torch.randn(1, 4, 16, 16)
    expected = model(inputs)
    keep_strided_depthwise_float32(model)
    torch.testing.assert_close(model(inputs), expected, rtol=0, atol=0)
    with torch.autocast("cpu", torch.bfloat16):
        strided = model[0](inputs)
        assert strided.dtype == torch.float32
        assert model[1](strided).dtype == torch.bfloat16


@pytest.fixture
def pool() -> Pool:
    """Return 22 pictures; picture i is grey, 10 * i bright, and of class i // 2."""
    shades = (10 * np.arange(22, dtype=np.uint8))[:, None, None, None]
    return Pool(np.broadcast_to(shades, (22, 256, 256, 3)).copy(), np.arange(22, dtype=np.int64) // 2)


def test_a_batch_is_repeatable_and_in_the_models_scale(pool: Pool) -> None:
    """One generator state is one batch; inputs have the wanted size and a sane range, labels their dtype."""
    first, labels = draw_batch(pool, 8, 96, torch.Generator().manual_seed(3))
    again, _ = draw_batch(pool, 8, 96, torch.Generator().manual_seed(3))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert first.shape == (8, 3, 96, 96)
    assert labels.dtype == torch.int64
    assert -2.2 < first.min() <= first.max() < 2.7


def test_class_shares_decide_what_is_drawn(pool: Pool) -> None:
    """Classes without a share never come, and a class with three quarters comes about as often."""
    shares = torch.zeros(NUM_CLASSES)
    shares[2], shares[7] = 0.75, 0.25
    _, labels = draw_batch(pool, 400, 8, torch.Generator().manual_seed(3), shares)
    assert set(labels.tolist()) == {2, 7}
    assert 250 < (labels == 2).sum() < 350


def test_varied_classes_are_drawn_more_often() -> None:
    """Shares follow the square root of the number of foods: vegetables most, soup least."""
    shares = shares_by_variety()
    assert shares.sum().item() == pytest.approx(1.0)
    assert CLASS_NAMES[int(shares.argmax())] == "Vegetable/Fruit"
    assert CLASS_NAMES[int(shares.argmin())] == "Soup"


def test_training_and_serving_scale_pictures_alike() -> None:
    """`normalise` is the last step of `labs.preprocess`."""
    from PIL import Image

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8))
    tensor = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255
    np.testing.assert_allclose(normalise(tensor).numpy(), to_input(image), atol=2e-6)


@pytest.mark.parametrize("seed", range(6))
def test_targets_are_mixed_as_pictures_are(seed: int) -> None:
    """A picture of ones mixed with one of zeros is as bright as its target says, for mixup and for CutMix."""
    inputs = torch.stack([torch.ones(3, 64, 64), torch.zeros(3, 64, 64)])
    mixed, targets = mix(inputs, torch.eye(2), torch.Generator().manual_seed(seed))
    torch.testing.assert_close(mixed.mean((1, 2, 3)), targets[:, 0])
    torch.testing.assert_close(targets.sum(1), torch.ones(2))
    assert targets[0, 0] > 0.5


def test_the_mean_of_models_is_the_mean_of_their_weights() -> None:
    """Floating point tensors are averaged, counters are kept, and the models stay as they were."""
    models = [nn.BatchNorm1d(2), nn.BatchNorm1d(2)]
    nn.init.constant_(models[1].weight, 3.0)
    mean = mean_of(models)
    assert mean.weight.tolist() == [2.0, 2.0]
    assert models[1].weight.tolist() == [3.0, 3.0]
    assert mean.num_batches_tracked.item() == 0


def test_accuracy_counts_the_highest_logit() -> None:
    """Two of three right is two thirds."""
    labels = torch.tensor([0, 1, 1])
    inputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [5.0, 1.0]])[:, :, None, None]
    assert accuracy(nn.Flatten(), inputs, labels) == pytest.approx(2 / 3)


def test_drawings_that_fall_together_widen_the_interval() -> None:
    """Ten pictures of each drawing, all right or all wrong: the interval is that of drawings, not of pictures."""
    hits = np.repeat(np.array([1.0, 0.0] * 10), 10)
    low, high = interval_over_drawings(hits, np.repeat(np.arange(20), 10))
    pictures, drawings = proportion_interval(100, 200), proportion_interval(10, 20)
    assert high - low > 2 * (pictures.high - pictures.low)
    assert high - low == pytest.approx(drawings.high - drawings.low, rel=0.15)
