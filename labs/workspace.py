"""Where a student's own results live: the ledger and the models made in the lessons."""

from __future__ import annotations

import os
from pathlib import Path

from labs.records import Ledger

#: Environment variable that moves the workspace, for a run that must not touch the student's own results.
WORKSPACE_VARIABLE = "SERVING_LABS_WORKSPACE"

#: The checkout that holds this package.
PROJECT_DIR = Path(__file__).resolve().parents[1]


def workspace_dir() -> Path:
    """Return the folder for results: ``$SERVING_LABS_WORKSPACE``, or ``workspace/`` in the checkout."""
    return Path(os.environ.get(WORKSPACE_VARIABLE) or PROJECT_DIR / "workspace").expanduser()


def models_dir() -> Path:
    """Return the folder for models made in the lessons; it is created on first use."""
    folder = workspace_dir() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def programs_dir() -> Path:
    """Return the folder for programs and configurations written in the lessons; it is created on first use."""
    folder = workspace_dir() / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def ledger() -> Ledger:
    """Return the student's ledger."""
    return Ledger(workspace_dir() / "ledger.jsonl")
