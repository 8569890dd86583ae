"""How far a student is from its teacher: what flows between the stages, the pooled features, and the answers."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from assets.recipes.surgery import STAGE_ENDS, blocks_of

#: Softening of both networks' answers. Source: Hinton et al. 2015, https://arxiv.org/abs/1503.02531.
TEMPERATURE = 2.0
#: The part of each student at whose output a stage ends, and the teacher's block where its own map has that size.
_MOBILENETV2 = {f"features.{end}": last for end, last in STAGE_ENDS.items()}
STAGES: dict[str, dict[str, int]] = {
    "mobilenetv2": _MOBILENETV2,
    "mobilenetv2-050": _MOBILENETV2,
    "mobilenetv4-conv-small": {"blocks.0": 2, "blocks.1": 4, "blocks.2": 10, "blocks.3": 15},
    "lcnet-100": {"blocks.1": 2, "blocks.2": 4, "blocks.3": 7, "blocks.4": 10, "blocks.5": 15},
}


def student_maps(
    student: nn.Module, stages: dict[str, int], inputs: torch.Tensor
) -> tuple[dict[int, torch.Tensor], torch.Tensor, torch.Tensor]:
    """Return the student's maps by the teacher's block they answer to, its pooled features, and its logits."""
    maps: dict[int, torch.Tensor] = {}
    pooled = []
    hooks = [
        student.get_submodule(path).register_forward_hook(lambda *seen, block=block: maps.update({block: seen[-1]}))
        for path, block in stages.items()
    ]
    hooks.append(student.classifier.register_forward_pre_hook(lambda _, arguments: pooled.append(arguments[0])))
    logits = student(inputs)
    for hook in hooks:
        hook.remove()
    return maps, pooled[0], logits


def teacher_maps(
    teacher: nn.Module, inputs: torch.Tensor
) -> tuple[dict[int, torch.Tensor], torch.Tensor, torch.Tensor]:
    """Return the teacher's maps where students' stages end, by block, its pooled features, and its logits."""
    x = teacher.bn1(teacher.conv_stem(inputs))
    maps = {}
    for index, block in enumerate(blocks_of(teacher)):
        x = block(x)
        if index in STAGE_ENDS.values():
            maps[index] = x
    features = teacher.bn2(teacher.conv_head(x)).mean((2, 3))
    return maps, features, teacher.classifier(features)


def random_adapters(student: nn.Module, teacher: nn.Module, stages: dict[str, int]) -> nn.ModuleDict:
    """Return the 1 by 1 convolutions that turn each of a student's maps into the teacher's; they learn with it.

    Source:
        Romero et al. 2015, https://arxiv.org/abs/1412.6550.
    """
    inputs = torch.zeros(2, 3, 64, 64)
    with torch.no_grad():
        mine, theirs = student_maps(student, stages, inputs)[0], teacher_maps(teacher, inputs)[0]
    return nn.ModuleDict({str(end): nn.Conv2d(mine[end].shape[1], theirs[end].shape[1], 1) for end in mine})


def _relative_error(mine: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Return the squared error as a share of the target's own variance over the batch, a channel at a time at least."""
    mine, theirs = mine.float(), theirs.float()
    dims = [d for d in range(theirs.dim()) if d != 1]
    variance = theirs.var(dims)
    # Directions that hardly vary must not count as much as those that carry the picture.
    return ((mine - theirs) ** 2).mean(dims).sum() / variance.sum()


def distillation_loss(
    student: nn.Module, teacher: nn.Module, stages: dict[str, int], adapters: nn.ModuleDict, inputs: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, dict[str, float]]:
    """Return how far the student is from the teacher: stages, pooled features and answers together.

    Args:
        student: Network in training mode.
        teacher: Network from `build_teacher`, in evaluation mode.
        stages: A row of `STAGES`.
        adapters: For each of the teacher's blocks in it, what turns the student's map into the teacher's.
        inputs: Pictures, float32 (N, 3, H, W).

    Returns:
        The loss, the student's logits, and the loss's parts by name.
    """
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad():
            their_maps, their_features, their_logits = teacher_maps(teacher, inputs)
        my_maps, my_features, my_logits = student_maps(student, stages, inputs)
        errors = [_relative_error(adapters[str(end)](maps), their_maps[end]) for end, maps in my_maps.items()]
    features = _relative_error(my_features, their_features)
    answers = TEMPERATURE**2 * functional.kl_div(
        functional.log_softmax(my_logits.float() / TEMPERATURE, 1),
        functional.softmax(their_logits.float() / TEMPERATURE, 1),
        reduction="batchmean",
    )
    apart = sum(errors) / len(errors)
    loss = 0.5 * apart + features + answers
    return loss, my_logits.float(), {"stages": apart.item(), "features": features.item(), "answers": answers.item()}
