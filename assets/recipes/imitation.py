"""How far a student is from its teacher: what flows between the stages, the pooled features, and the answers."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from assets.recipes.surgery import STAGE_ENDS

#: Softening of both networks' answers. Source: Hinton et al. 2015, https://arxiv.org/abs/1503.02531.
TEMPERATURE = 2.0


def student_maps(student: nn.Module, inputs: torch.Tensor) -> tuple[dict[int, torch.Tensor], torch.Tensor]:
    """Return the student's stream at its stage ends, and its pooled features."""
    maps = {}
    for index, block in enumerate(student.features):
        inputs = block(inputs)
        if index in STAGE_ENDS:
            maps[index] = inputs
    return maps, inputs.mean((2, 3))


def teacher_maps(teacher: nn.Module, inputs: torch.Tensor) -> tuple[dict[int, torch.Tensor], torch.Tensor]:
    """Return the teacher's stream where the student's stages end, and its pooled features."""
    ends = {last: end for end, last in STAGE_ENDS.items()}
    x = functional.relu6(teacher._bn0(teacher._conv_stem(inputs)))
    maps = {}
    for index, block in enumerate(teacher._blocks):
        x = block(x)
        if index in ends:
            maps[ends[index]] = x
    return maps, functional.relu6(teacher._bn1(teacher._conv_head(x))).mean((2, 3))


def _relative_error(mine: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Return the squared error as a share of the target's own variance over the batch, a channel at a time at least."""
    mine, theirs = mine.float(), theirs.float()
    dims = [d for d in range(theirs.dim()) if d != 1]
    variance = theirs.var(dims)
    # Directions that hardly vary must not count as much as those that carry the picture.
    return ((mine - theirs) ** 2).mean(dims).sum() / variance.sum()


def distillation_loss(
    student: nn.Module,
    teacher: nn.Module,
    bases: dict[int, torch.Tensor],
    inputs: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, dict[str, float]]:
    """Return how far the student is from the teacher: stages, pooled features and answers together.

    Args:
        student: Network in training mode.
        teacher: Network from `build_teacher`, in evaluation mode.
        bases: Projections from `transplant`.
        inputs: Pictures, float32 (N, 3, H, W).

    Returns:
        The loss, the student's logits, and the loss's parts by name.
    """
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad():
            their_maps, their_features = teacher_maps(teacher, inputs)
            their_logits = teacher._fc(their_features).float()
            targets = {end: torch.einsum("ntij,st->nsij", maps, bases[end]) for end, maps in their_maps.items()}
        my_maps, my_features = student_maps(student, inputs)
        my_logits = student.classifier(my_features).float()
    stages = sum(_relative_error(my_maps[end], targets[end]) for end in targets) / len(targets)
    features = _relative_error(my_features, their_features)
    answers = TEMPERATURE**2 * functional.kl_div(
        functional.log_softmax(my_logits / TEMPERATURE, 1),
        functional.softmax(their_logits / TEMPERATURE, 1),
        reduction="batchmean",
    )
    loss = 0.5 * stages + features + answers
    return loss, my_logits, {"stages": stages.item(), "features": features.item(), "answers": answers.item()}
