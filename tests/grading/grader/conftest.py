"""A reference submission, made once: the solved notebooks, a recorded ledger, and the model that it recommends."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from grading.checkpoints import all_checkpoints
from grading.checkpoints.artefacts import SUBJECT

from grading.builder.solve import AnswerKeyError, write_solved
from grading.grade.grader import Setup
from labs.course import lessons
from tests.grading.recorded import MODEL
from tests.grading.test_breaking import ELSEWHERE

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="session")
def ledger_text() -> str:
    """Return the recorded ledger."""
    return gzip.decompress((FIXTURES / "epyc-two-cores.jsonl.gz").read_bytes()).decode()


@pytest.fixture(scope="session")
def entries(ledger_text: str) -> list[dict]:
    """Return the recorded entries; a test that changes them copies them first."""
    return [json.loads(line) for line in ledger_text.splitlines()]


@pytest.fixture(scope="session")
def recorded(entries: list[dict]) -> set[str]:
    """Return the checkpoints that the recording answers, with a file or by measuring too; it was made without a GPU."""
    files = {entry["subject"].removeprefix(SUBJECT) for entry in entries if entry["type"] == "observation"}
    asked = {entry["question"] for entry in entries if "question" in entry} | {"m.measure.batches"}
    return {one.id for one in all_checkpoints() if one.id in asked | files and not ELSEWHERE & set(one.gate)}


@pytest.fixture(scope="session")
def _reference(tmp_path_factory: pytest.TempPathFactory, ledger_text: str) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    for lesson in lessons(part=1):
        try:
            write_solved([lesson], folder)
        except AnswerKeyError:
            continue  # a lesson that is being written; the key's own test says so
    (folder / "ledger.jsonl").write_text(ledger_text)
    shutil.copy(MODEL, folder)
    return folder


@pytest.fixture
def submission(_reference: Path, tmp_path: Path) -> Path:
    """Return a copy of the reference submission that a test may spoil."""
    return Path(shutil.copytree(_reference, tmp_path / "submission"))


@pytest.fixture
def quick(pictures: Path) -> Setup:
    """Return a setup without the slow step and without models: evidence alone."""
    return Setup(pictures=pictures, measure=False, rerun=False)
