"""Dead filters are silenced without changing what the model answers."""

import torch

from labs.models import build_mobilenet_v2
from labs.recipes.silence import silence_dead_filters


def test_only_filters_that_see_nothing_are_silenced() -> None:
    """One channel is killed by its batch norm; its filter becomes zero, all others and the logits stay."""
    torch.manual_seed(0)
    model, inputs = build_mobilenet_v2().eval(), torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        # Untrained, some channels happen to be dead: give all of them something to say.
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.bias.fill_(0.5)
        expand, filters = model.features[8].conv[0], model.features[8].conv[1][0]
        expand[1].weight[5], expand[1].bias[5] = 0.0, -1.0
        filters.weight[5] = 1000.0
        expected, before = model(inputs), filters.weight.clone()
        assert silence_dead_filters(model, inputs) == 1
        torch.testing.assert_close(model(inputs), expected, rtol=0, atol=0)
    assert (filters.weight[5] == 0).all()
    alive = torch.arange(len(before)) != 5
    torch.testing.assert_close(filters.weight[alive], before[alive], rtol=0, atol=0)
