"""A student: a MobileNetV2 started from the teacher's weights, then taught to see and answer as the
teacher does.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn import functional

from assets.recipes.drawings import FOODS
from assets.recipes.pictures import draw_batch, mix
from assets.recipes.surgery import STAGE_ENDS, blocks_of, transplant
from assets.recipes.training import EVENLY, Phase, Training, accuracy
from labs.data.labels import CLASS_NAMES
from labs.data.models import ARCHITECTURES

#: Softening of both networks' answers. Source: Hinton et al. 2015,
#: https://arxiv.org/abs/1503.02531.
TEMPERATURE = 2.0
#: Share of a label's probability that is spread over all classes.
LABEL_SMOOTHING = 0.1
#: Pictures that the start is fitted on.
FIT_PICTURES = 256
#: Seed of every student.
SEED = 21


@dataclass(frozen=True, kw_only=True)
class Distillation(Phase):
    """One part of a student's training."""

    #: Every how many steps the batch shows any drawing instead of foods; it needs no labels, only
    #: the teacher.
    drawings_every: int
    #: Weight of everything learnt from the teacher.
    teacher_weight: float
    #: Weight of the labels beside it: the student may be right where the teacher is wrong.
    label_weight: float
    #: Whether a class with many kinds of food is drawn more often (with the square root of their
    #: number), so that its single kinds are not seen forty times more rarely than the only kind of
    #: another.
    by_variety: bool = False


#: Smaller pictures first, for speed; then the size that is served.
_DISTIL_160 = Distillation(
    "distil-160", 160, 48, 1600, 1.5e-3, drawings_every=2, teacher_weight=1.0, label_weight=0.0
)
_DISTIL_224 = Distillation(
    "distil-224", 224, 32, 1200, 8e-4, drawings_every=4, teacher_weight=1.0, label_weight=0.5
)
_LABELS_224 = Distillation(
    "labels-224",
    224,
    32,
    320,
    5e-4,
    drawings_every=8,
    teacher_weight=0.5,
    label_weight=1.0,
    by_variety=True,
)
PHASES = (_DISTIL_160, _DISTIL_224, _LABELS_224)
_SHORT_PHASES = tuple(replace(phase, steps=phase.steps // 3) for phase in PHASES)
#: Every student's phases. The 0.75 has a third of the steps, an evening on two cores: it starts
#: closer to the teacher than the 0.5, whose journal shows each phase within three points of its
#: last accuracy after a third of its steps.
STUDENTS: dict[str, tuple[Distillation, ...]] = {
    "mobilenetv2": PHASES,
    "mobilenetv2-075": _SHORT_PHASES,
    "mobilenetv2-050": PHASES,
}


def shares_by_variety() -> torch.Tensor:
    """Return how often each class is drawn when varied classes are drawn more often; sums to 1."""
    kinds = torch.tensor([float(len(FOODS[name])) for name in CLASS_NAMES])
    roots = kinds.sqrt()
    return roots / roots.sum()


def train_student(
    architecture: str, teacher: nn.Module, training: Training, phases: Sequence[Distillation]
) -> nn.Module:
    """Return the mean of the last two phases' averaged students; begins behind the last phase that
    is finished.
    """
    # The same again in a training that is resumed, so it need not be kept.
    pictures = draw_batch(training.drawings, FIT_PICTURES, 224, training.generator, EVENLY)[0]
    student, adapters = transplant(teacher, pictures, **ARCHITECTURES[architecture][2])
    if not (training.work / f"{phases[0].name}.pt").is_file():
        score = accuracy(student, *training.validation)
        training.note(stage="start", step=0, images=0, validation_accuracy=score)
    student.to(memory_format=torch.channels_last)
    results = []
    for phase in phases:
        student = _run(phase, student, teacher, adapters, training)
        # A copy, since the next phase continues with the same model.
        results.append(copy.deepcopy(student))
    return mean_of(results[-2:])


def mean_of(models: list[nn.Module]) -> nn.Module:
    """Return a model whose weights are the mean of these models' weights.

    Between two stages of one training the mean is usually better than either.
    Source: Wortsman et al. 2022, https://arxiv.org/abs/2203.05482.

    Args:
        models: Models of one architecture, from one training.
    """
    mean = copy.deepcopy(models[-1])
    states = [model.state_dict() for model in models]
    for name, tensor in mean.state_dict().items():
        if tensor.is_floating_point():
            versions = torch.stack([state[name] for state in states])
            tensor.copy_(versions.mean(0))
    return mean


def _run(
    phase: Distillation,
    student: nn.Module,
    teacher: nn.Module,
    adapters: nn.ModuleDict,
    training: Training,
) -> nn.Module:
    """Return the averaged student after one phase."""
    shares = shares_by_variety() if phase.by_variety else EVENLY

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        foods_only = step % phase.drawings_every != 0
        only = shares if foods_only else None
        inputs, labels = draw_batch(
            training.drawings, phase.batch_size, phase.size_px, training.generator, only
        )
        if mixed := step % 3 == 0:
            # The teacher answers for the mixture itself, so labels need not be mixed: they are left
            # out.
            inputs, _ = mix(inputs, torch.empty(len(inputs), 0), training.generator)
        loss, logits, parts = distillation_loss(student, teacher, adapters, inputs)
        loss = phase.teacher_weight * loss
        if phase.label_weight and foods_only and not mixed:
            # Classes drawn more often must not become likelier answers; shares that are all alike
            # change nothing. Source: Menon et al. 2021, https://arxiv.org/abs/2007.07314.
            logits = logits + shares.log()
            labels_loss = functional.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)
            loss = loss + phase.label_weight * labels_loss
        return loss, parts

    groups = [{"params": list(student.parameters()), "scale": 1.0}]
    return training.run(phase, student.requires_grad_(True), groups, loss_of)


def student_maps(
    student: nn.Module, inputs: torch.Tensor
) -> tuple[dict[int, torch.Tensor], torch.Tensor, torch.Tensor]:
    """Return the student's maps by the teacher's block they answer to, its pooled features, and its
    logits.
    """
    x, maps = inputs, {}
    for index, layer in enumerate(student.features):
        x = layer(x)
        if index in STAGE_ENDS:
            maps[STAGE_ENDS[index]] = x
    features = x.mean((2, 3))
    return maps, features, student.classifier(features)


def teacher_maps(
    teacher: nn.Module, inputs: torch.Tensor
) -> tuple[dict[int, torch.Tensor], torch.Tensor, torch.Tensor]:
    """Return the teacher's maps where students' stages end, by block, its pooled features, and its
    logits.
    """
    x = teacher.bn1(teacher.conv_stem(inputs))
    maps = {}
    for index, block in enumerate(blocks_of(teacher)):
        x = block(x)
        if index in STAGE_ENDS.values():
            maps[index] = x
    features = teacher.bn2(teacher.conv_head(x)).mean((2, 3))
    return maps, features, teacher.classifier(features)


def _relative_error(mine: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Return the squared error as a share of the target's own variance over the batch, a channel at
    a time at least.
    """
    mine, theirs = mine.float(), theirs.float()
    dims = [d for d in range(theirs.dim()) if d != 1]
    # Directions that hardly vary must count less than directions that carry the picture.
    error = ((mine - theirs) ** 2).mean(dims).sum()
    return error / theirs.var(dims).sum()


def distillation_loss(
    student: nn.Module, teacher: nn.Module, adapters: nn.ModuleDict, inputs: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, dict[str, float]]:
    """Return how far the student is from the teacher: stages, pooled features and answers together.

    With the loss come the student's logits and the loss's parts by name. An adapter turns the
    student's map at the end of a stage into that of the teacher's block.
    """
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad():
            their_maps, their_features, their_logits = teacher_maps(teacher, inputs)
        my_maps, my_features, my_logits = student_maps(student, inputs)
        errors = []
        for end, maps in my_maps.items():
            widened = adapters[str(end)](maps)
            errors.append(_relative_error(widened, their_maps[end]))
    features = _relative_error(my_features, their_features)
    mine = functional.log_softmax(my_logits.float() / TEMPERATURE, 1)
    theirs = functional.softmax(their_logits.float() / TEMPERATURE, 1)
    answers = TEMPERATURE**2 * functional.kl_div(mine, theirs, reduction="batchmean")
    stages = sum(errors) / len(errors)
    loss = 0.5 * stages + features + answers
    parts = {"stages": stages.item(), "features": features.item(), "answers": answers.item()}
    return loss, my_logits.float(), parts
