"""The whole training, in order: pools of pictures, teacher, student, one look at the evaluation artists."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import torch

from assets.recipes.distil import train_student
from assets.recipes.evaluation import evaluate
from assets.recipes.manifest import DATASET_NAME, MODEL_NAME, model_entry, read_manifest, write_manifest
from assets.recipes.pool import open_pool
from assets.recipes.silence import silence_dead_filters
from assets.recipes.teacher import train_teacher
from assets.recipes.training import Journal
from labs.assets.places import ASSETS_DIR
from labs.dataset import load_split
from labs.models import load_mobilenet_v2, save_weights

#: Pictures in each pool. Food pictures are a multiple of eleven, so that classes are equal.
FOOD_PICTURES, DRAWING_PICTURES = 16_500, 16_000

#: glibc gives large blocks back to the kernel and asks for them again at each step, which costs up to half of the
#: time of a step at 224 pixels; these keep them. They are read when a process starts.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(8 << 30), "MALLOC_TRIM_THRESHOLD_": str(16 << 30)}


def _keep_memory() -> None:
    """Start this process again with a patient allocator, unless it already has one."""
    if sys.platform == "linux" and any(os.environ.get(name) != value for name, value in _ALLOCATOR.items()):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **_ALLOCATOR})


def train_model(work: Path, packs: Path, *, accept: bool) -> dict[str, Any]:
    """Train the shipped model again, and return its entry for the manifest.

    Args:
        work: Folder for pools, checkpoints and the journal.
        packs: Folder that keeps the icon packs' tarballs.
        accept: Copy weights and journal into `assets/models` and write the manifest.

    Returns:
        The entry, with validation and evaluation accuracy.

    Raises:
        SourceError: An icon pack cannot be fetched.
    """
    _keep_memory()
    journal = Journal(work / "journal.jsonl")
    foods = open_pool(work, packs, "foods", FOOD_PICTURES, food_only=True, seed=1)
    drawings = open_pool(work, packs, "drawings", DRAWING_PICTURES, food_only=False, seed=2)
    root = ASSETS_DIR / DATASET_NAME
    inputs, labels = load_split(root, "validation")
    validation = torch.from_numpy(inputs), torch.from_numpy(labels)
    teacher = train_teacher(foods, validation, work, journal)
    student = train_student(teacher.requires_grad_(False), foods, drawings, validation, work, journal)

    silence_dead_filters(student.eval(), torch.from_numpy(load_split(root, "training")[0]))
    weights = work / f"{MODEL_NAME}.safetensors"
    save_weights(student, weights, {"architecture": "torchvision mobilenet_v2", "classes": "Food-11"})
    manifest = read_manifest()
    files = manifest["datasets"][DATASET_NAME]["files"]
    # Read back from the file: what is judged is what is shipped.
    model = load_mobilenet_v2(weights)
    facts = {split: evaluate(model, root, split, files) for split in ("validation", "evaluation")}
    facts["teacher_evaluation"] = evaluate(teacher, root, "evaluation", files)
    for name, result in facts.items():
        journal.write(stage=name, accuracy=result["accuracy"], low=result["interval"][0], high=result["interval"][1])
    if accept:
        target = ASSETS_DIR / "models" / weights.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(weights, target)
        shutil.copyfile(work / "journal.jsonl", target.with_suffix(".training.jsonl"))
        manifest["models"][MODEL_NAME] = model_entry(target, **facts)
        write_manifest(manifest)
        return manifest["models"][MODEL_NAME]
    return facts
