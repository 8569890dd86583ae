"""A student: started from the teacher's weights where it is of its kind, then taught to see and answer as it does."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from assets.recipes.augment import draw_batch, mix
from assets.recipes.foods import FOODS
from assets.recipes.imitation import STAGES, distillation_loss, random_adapters
from assets.recipes.pool import Pool
from assets.recipes.surgery import transplant
from assets.recipes.training import Average, Checkpoint, Journal, accuracy, cosine, keep_strided_depthwise_float32
from labs.labels import CLASS_NAMES
from labs.models import ARCHITECTURES, build_model

#: Share of a label's probability that is spread over all classes.
LABEL_SMOOTHING = 0.1
#: Pictures that the start is fitted on.
FIT_PICTURES = 256
#: Seed of every student.
SEED = 21


@dataclass(frozen=True)
class Phase:
    """One part of the training."""

    #: Name in the journal.
    name: str
    #: Side of the pictures, in pixels.
    size_px: int
    #: Pictures a step.
    batch_size: int
    #: Number of steps.
    steps: int
    #: Highest learning rate.
    learning_rate: float
    #: Every how many steps the batch shows any drawing instead of foods; it needs no labels, only the teacher.
    drawings_every: int
    #: Weight of everything learnt from the teacher.
    teacher_weight: float
    #: Weight of the labels beside it: the student may be right where the teacher is wrong.
    label_weight: float
    #: Whether a class with many kinds of food is drawn more often (with the square root of their number), so that
    #: its single kinds are not seen forty times more rarely than the only kind of another.
    by_variety: bool = False


#: Smaller pictures first, for speed; then the size that is served.
PHASES: tuple[Phase, ...] = (
    Phase("distil-160", 160, 48, 1600, 1.5e-3, 2, 1.0, 0.0),
    Phase("distil-224", 224, 32, 1200, 8e-4, 4, 1.0, 0.5),
    Phase("labels-224", 224, 32, 320, 5e-4, 8, 0.5, 1.0, by_variety=True),
)


def shares_by_variety() -> torch.Tensor:
    """Return how often each class is drawn when varied classes are drawn more often; sums to 1."""
    roots = torch.tensor([float(len(FOODS[name].split())) for name in CLASS_NAMES]).sqrt()
    return roots / roots.sum()


def train_student(
    architecture: str,
    teacher: nn.Module,
    foods: Pool,
    drawings: Pool,
    validation: tuple[torch.Tensor, torch.Tensor],
    work: Path,
    journal: Journal,
    phases: tuple[Phase, ...] = PHASES,
) -> nn.Module:
    """Return the trained student; continues from its checkpoint when there is one.

    Args:
        architecture: A name of `STAGES`.
        teacher: Fine-tuned EfficientNet-Lite0.
        foods: Food drawings of the training artists.
        drawings: All drawings of the training artists.
        validation: Inputs and labels that accuracy is reported on.
        work: Folder for checkpoints.
        journal: Where progress is written.
        phases: Parts of the training, in order.

    Returns:
        The mean of the averaged students of the last two phases, in evaluation mode.
    """
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED + 1)
    student, adapters = _start(architecture, teacher, foods, work, journal, validation, generator)
    keep_strided_depthwise_float32(student.to(memory_format=torch.channels_last))
    keep_strided_depthwise_float32(teacher)
    stages = STAGES[architecture]
    results = []
    for phase in phases:
        student = _run(phase, student, teacher, stages, adapters, foods, drawings, validation, work, journal, generator)
        # A copy, since the next phase goes on with this very model.
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
            tensor.copy_(torch.stack([state[name] for state in states]).mean(0))
    return mean


def _start(
    architecture: str,
    teacher: nn.Module,
    foods: Pool,
    work: Path,
    journal: Journal,
    validation: tuple[torch.Tensor, torch.Tensor],
    generator: torch.Generator,
) -> tuple[nn.Module, nn.ModuleDict]:
    """Return the student before its training and what turns its maps into the teacher's, made on first use."""
    path = work / "start.pt"
    library, _, options = ARCHITECTURES[architecture]
    student = build_model(architecture).eval()
    adapters = random_adapters(student, teacher, STAGES[architecture])
    if path.is_file():
        state = torch.load(path, weights_only=True)
        student.load_state_dict(state["student"])
        adapters.load_state_dict(state["adapters"])
        generator.set_state(state["generator"])
        return student, adapters.requires_grad_(library == "timm")
    if library == "torchvision":
        pictures = draw_batch(foods, FIT_PICTURES, 224, generator)[0]
        student, adapters = transplant(teacher, pictures, **options)
    else:
        # The teacher's features may be asked of any student of their width, and its last layer goes with them.
        student.classifier.load_state_dict(teacher.classifier.state_dict())
    state = {"student": student.state_dict(), "adapters": adapters.state_dict(), "generator": generator.get_state()}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)
    journal.write(stage="start", step=0, images=0, validation_accuracy=accuracy(student, *validation))
    return student, adapters


def _run(
    phase: Phase,
    student: nn.Module,
    teacher: nn.Module,
    stages: dict[str, int],
    adapters: nn.ModuleDict,
    foods: Pool,
    drawings: Pool,
    validation: tuple[torch.Tensor, torch.Tensor],
    work: Path,
    journal: Journal,
    generator: torch.Generator,
) -> nn.Module:
    """Return the averaged student after one phase."""
    student.requires_grad_(True)
    learning = [*student.parameters(), *(p for p in adapters.parameters() if p.requires_grad)]
    optimizer = torch.optim.AdamW(learning, lr=phase.learning_rate, weight_decay=0.02)
    average = Average(student, 0.997)
    state = {"model": student, "average": average.model, "adapters": adapters, "optimizer": optimizer}
    checkpoint = Checkpoint(work / f"{phase.name}.pt", **state)
    shares = shares_by_variety() if phase.by_variety else None
    began_s = time.monotonic()
    for step in range(checkpoint.restore(generator), phase.steps):
        student.train()
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, phase.steps, phase.learning_rate, warmup=50)
        pool = drawings if step % phase.drawings_every == 0 else foods
        pool_shares = shares if pool is foods else None
        inputs, labels = draw_batch(pool, phase.batch_size, phase.size_px, generator, pool_shares)
        if mixed := step % 3 == 0:
            # The teacher answers for the mixture itself, so labels need not be mixed: they are left out.
            inputs, _ = mix(inputs, torch.empty(len(inputs), 0), generator)
        loss, logits, parts = distillation_loss(student, teacher, stages, adapters, inputs)
        loss = phase.teacher_weight * loss
        if phase.label_weight and pool is foods and not mixed:
            if shares is not None:
                # Classes drawn more often must not become likelier answers.
                # Source: Menon et al. 2021, https://arxiv.org/abs/2007.07314.
                logits = logits + shares.log()
            labels_loss = functional.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)
            loss = loss + phase.label_weight * labels_loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(learning, 5.0)
        optimizer.step()
        average.update(student)
        if (step + 1) % 100 == 0 or step + 1 == phase.steps:
            score = accuracy(average.model, *validation)
            journal.write(
                stage=phase.name,
                step=step + 1,
                images=(step + 1) * phase.batch_size,
                **parts,
                validation_accuracy=score,
                elapsed_s=time.monotonic() - began_s,
            )
            checkpoint.save(step + 1, generator)
    return average.model
