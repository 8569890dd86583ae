"""Whole hand-ins of the course's parts: notebooks, ledger, and the model that is recommended."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from grading.grade.grader import Setup
from grading.grade.result import Result
from labs.course.assignment import assignment
from tests.grading.whole import hand_in


def with_parts(names: Iterable[str]) -> list[ParameterSet]:
    """Pair each name with each part. A whole hand-in is graded in some seconds, so all are `slow`
    but one of each part: the first name's at the first part, the second's at the next.
    """
    parts = list(assignment().parts)
    pairs = []
    for place, name in enumerate(names):
        for part in parts:
            is_first = parts[place : place + 1] == [part]
            marks = [] if is_first else [pytest.mark.slow]
            pairs.append(pytest.param(name, part, marks=marks, id=f"{name}-{part}"))
    return pairs


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
    """Return a function that notes a hand-in's result in a part, and whether staff were told."""
    rows: dict[str, dict[int, str]] = {}

    def note(row: str, result: Result, is_reported: bool) -> None:
        share = f"{100 * result.grade / result.worth:.0f} %"
        rows.setdefault(row, {})[result.part] = f"{share}, told" if is_reported else share

    yield note
    parts = list(assignment().parts)
    columns = [f"part {part}" for part in parts]
    print()
    print(f"| | {' | '.join(columns)} |")
    print("|" + "---|" * (len(columns) + 1))
    for row, cells in rows.items():
        print(f"| {row} | {' | '.join(cells.get(part, '') for part in parts)} |")
