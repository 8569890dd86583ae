"""Whole hand-ins of the course's parts: notebooks, ledger, and the model that is recommended."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grading.grade.grader import Setup
from grading.grade.result import Result
from labs.course.assignment import assignment
from tests.grading.whole import hand_in


@pytest.fixture(scope="session")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Return the hand-ins by part; they are only read."""
    folder = tmp_path_factory.mktemp("wholes")
    return {part: hand_in(folder / str(part), part) for part in assignment().parts}


@pytest.fixture
def whole(wholes: dict[int, Path], tmp_path: Path) -> Callable[[int], Path]:
    """Return a function that copies a part's hand-in, to be spoiled."""
    return lambda part: Path(shutil.copytree(wholes[part], tmp_path / f"part-{part}"))


@pytest.fixture
def submission(whole: Callable[[int], Path]) -> Path:
    """Return a copy of part 1's, to be spoiled."""
    return whole(1)


@pytest.fixture
def quick(pictures: Path) -> Setup:
    """Return a setup without the slow step and without models: evidence alone."""
    return Setup(pictures=pictures, measure=False, rerun=False)


@pytest.fixture(scope="module")
def came() -> Iterator[Callable[[str, Result, bool], None]]:
    """Return a function that notes what came of a row's hand-in in a part, and whether a person was told of it."""
    rows: dict[str, list[str]] = {}

    def note(row: str, result: Result, told: bool) -> None:
        rows.setdefault(row, []).append(
            f"{100 * result.grade / result.worth:.0f} %{', told' * told}"
        )

    yield note
    parts = assignment().parts
    print(f"\n| | {' | '.join(f'part {part}' for part in parts)} |\n|{'---|' * (len(parts) + 1)}")
    print(*(f"| {row} | {' | '.join(cells)} |" for row, cells in rows.items()), sep="\n")
