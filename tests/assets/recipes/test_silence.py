"""Dead filters are silenced without changing what the model answers."""

import torch
from torchvision.models import mobilenet_v2

from assets.recipes.silence import silence_dead_filters


def test_only_filters_that_see_nothing_are_silenced() -> None:
    """A channel killed by its batch norm loses its filter; filters that see something, and the logits, stay."""
    torch.manual_seed(0)
    model, inputs = mobilenet_v2(num_classes=11).eval(), torch.randn(4, 3, 64, 64)
    expand, filters = model.features[8].conv[0], model.features[8].conv[1][0]
    with torch.no_grad():
        expand[1].weight[5], expand[1].bias[5] = 0.0, -1.0
        filters.weight[5] = 1000.0
        seen: list[torch.Tensor] = []
        hook = filters.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0].amax((0, 2, 3)) > 0))
        expected, before = model(inputs), filters.weight.clone()
        hook.remove()
        silenced = silence_dead_filters(model, inputs)
        torch.testing.assert_close(model(inputs), expected, rtol=0, atol=0)
    assert not seen[0][5]
    assert seen[0].sum() > 300
    torch.testing.assert_close(filters.weight, before * seen[0][:, None, None, None], rtol=0, atol=0)
    zero = [int((m.weight == 0).all((1, 2, 3)).sum()) for m in model.modules() if getattr(m, "groups", 1) > 1]
    assert silenced == sum(zero)
