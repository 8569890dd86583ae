"""Honest work in all the forms that machines, editors and browsers give it earns every point, and
puts no student on the list for a look.

``pytest -s`` prints the table.
"""

import json
import operator
import random
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.grade.grader import Setup, grade
from labs.course.question import all_questions
from labs.machine.fingerprint import Fingerprint
from tests.grading.grader.conftest import with_parts
from tests.grading.grader.test_red_team import (
    as_they_are,
    entries_of,
    functions_of,
    keep,
    reasons_for,
    reworked,
)
from tests.grading.recorded import written
from tests.grading.whole import everything
from tests.tools import sandboxed

pytestmark = [pytest.mark.timeout(600), sandboxed]


#: What becomes of a whole hand-in's folder, given the part; what is handed in is returned where it
#: is another place.
Variant = Callable[[Path, int], Path | None]


def notebooks(change: Callable[[dict], object]) -> Variant:
    """Return a variant that changes each notebook."""

    def vary(folder: Path, part: int) -> None:
        for path in folder.glob("*.ipynb"):
            notebook = json.loads(path.read_text(encoding="utf-8"))
            change(notebook)
            path.write_text(json.dumps(notebook), encoding="utf-8")

    return vary


def texts(change: Callable[[str], bytes]) -> Variant:
    """Return a variant that rewrites notebooks and ledger."""

    def vary(folder: Path, part: int) -> None:
        for path in (*folder.glob("*.ipynb"), folder / "ledger.jsonl"):
            path.write_bytes(change(path.read_text(encoding="utf-8")))

    return vary


def named(form: str) -> Variant:
    """Return a variant under other names."""

    def vary(folder: Path, part: int) -> None:
        for path in list(folder.iterdir()):
            path.rename(folder / form.format(path.stem, path.suffix))

    return vary


def vs_code(notebook: dict) -> None:
    """Write cells as VS Code does: with its own ids, and a kernel named after an environment."""
    notebook["metadata"] = {
        "kernelspec": {"display_name": ".venv (3.13.1)", "language": "python", "name": "python3"}
    }
    for place, cell in enumerate(notebook["cells"]):
        cell["id"] = f"{place:08x}"
        cell["metadata"]["vscode"] = {"languageId": "python"}


def colab(notebook: dict) -> None:
    """Write down what Colab does: an older format, ids among the metadata, and sources as lists of
    lines.
    """
    notebook |= {
        "nbformat_minor": 0,
        "metadata": {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}},
    }
    for place, cell in enumerate(notebook["cells"]):
        cell["source"] = "".join(cell["source"]).splitlines(keepends=True)
        cell["metadata"] = {"id": f"x{place}"}
        cell.pop("id", None)


def cells(change: Callable[[str], str]) -> Variant:
    """Return a variant that changes the cells of functions, as their checks kept them."""
    return lambda folder, part: reworked(
        folder, lambda asked, right: change(right), lambda name, right: right
    )


def chatty(cell: str) -> str:
    """Let a cell print, leave files, and need modules that only the lesson has."""
    more = (
        "print('x' * 100_000)\nopen('results.jsonl', 'a').write('{\"question\"')\nlater = "
        "measured_in_the_lesson\n"
    )
    return f"import sys\n# NBVAL_SKIP\n{cell}\n{more}"


def large(notebook: dict) -> None:
    """Show 9 MB, and values that are not JSON."""
    no_json = {"output_type": "display_data", "data": {"application/json": float("nan")}}
    for cell in notebook["cells"]:
        cell["outputs"] = [no_json]
    stream = {"output_type": "stream", "name": "stdout", "text": "x" * (9 << 20)}
    notebook["cells"][-1]["outputs"] = [stream]


def upper(folder: Path, part: int) -> None:
    """Write all names in capitals."""
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.upper())


def without_notebooks(folder: Path, part: int) -> None:
    """Hand no notebook in."""
    for path in folder.glob("*.ipynb"):
        path.unlink()


def wrong_check_last(folder: Path, part: int) -> None:
    """Try something else behind each right function, which is wrong, and check it too."""
    entries = entries_of(folder)
    for place, answer in enumerate(functions_of(entries), start=1 << 20):
        cases = all_questions()[answer["question"]].cases
        outputs = [{"raised": "ValueError"}] * len(cases)
        value = {"source": "def other(*given):\n    raise ValueError", "outputs": outputs}
        entries.append({**answer, "record_id": f"{place:032x}", "value": value})
    keep(folder, entries)


def slow_machine(folder: Path, part: int) -> None:
    """Multiply all times by thirty."""
    entries = entries_of(folder)
    for entry in entries:
        if entry.get("kind") in ("latency", "throughput", "load"):
            entry["samples"] = [30 * sample for sample in entry["samples"]]
            wall_s = entry["monotonic_end_s"] - entry["monotonic_start_s"]
            entry["monotonic_end_s"] = entry["monotonic_start_s"] + 30 * wall_s
            if entry["kind"] == "load":
                offsets_s = entry["load"]["offsets_s"]
                entry["load"]["offsets_s"] = [30 * offset_s for offset_s in offsets_s]
        value = entry.get("value")
        if isinstance(value, dict) and "evidence" in value:
            value["evidence"]["p50_ms"] *= 30
    keep(folder, entries)


def other_processor(folder: Path, part: int) -> None:
    """Let another processor round INT8 in its way: one picture in twenty has another class, right
    as often as wrong.
    """
    entries = entries_of(folder)
    dice = random.Random(5)
    ids = {}
    for entry in entries:
        if entry["type"] == "measurement":
            machine = entry["machine"]
            machine["cpu_model"] = "another processor"
            ids[machine["machine_id"]] = Fingerprint.from_json(machine).machine_id
        if entry.get("kind") == "accuracy" and entry["precision"] != "fp32":
            _round_otherwise(entry, dice)
    text = written(entries)
    for before, after in ids.items():
        text = text.replace(before, after)
    (folder / "ledger.jsonl").write_text(text, encoding="utf-8")


def _round_otherwise(record: dict, dice: random.Random) -> None:
    """Give one picture in twenty of an accuracy record another class, right as often as wrong."""
    predicted = record["details"]["predicted"]
    labels = record["details"]["labels"]
    samples = record["samples"]
    right = [place for place, sample in enumerate(samples) if sample]
    wrong = [place for place, sample in enumerate(samples) if not sample]
    for place in dice.sample(right, len(samples) // 40):
        predicted[place] = (labels[place] + 1) % 11
    for place in dice.sample(wrong, len(samples) // 40):
        predicted[place] = labels[place]
    record["samples"] = list(map(float, map(operator.eq, predicted, labels)))


def three_passes(folder: Path, part: int) -> None:
    """Keep one ledger for all parts, and go through all of them three times."""
    entries: list[dict] = []
    for turn in range(3):
        entries += everything(turn)
    (folder / "ledger.jsonl").write_text(written(entries), encoding="utf-8")


def in_a_zip(folder: Path, part: int) -> Path:
    """Zip a folder as a Mac does."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"my work/{file.name}")
            archive.writestr(f"__MACOSX/my work/._{file.name}", b"\0\5\26\7")
    return path


def newer_python(notebook: dict) -> None:
    """Write down what Jupyter does under Python 3.13."""
    notebook["metadata"].update(language_info={"name": "python", "version": "3.13.1"})


NEWER = "in Python 3.13's syntax"

VARIANTS: dict[str, Variant] = {
    "as it is": as_they_are,
    "a machine thirty times as slow": slow_machine,
    "another processor, which rounds in its way": other_processor,
    "run with Python 3.13": notebooks(newer_python),
    NEWER: cells(lambda cell: f"type Number[T: float] = list[T]; text = f'{{'nested'}}'\n{cell}"),
    "lines that end as on Windows": texts(
        lambda text: text.replace("\\n", "\\r\\n").replace("\n", "\r\n").encode()
    ),
    "UTF-16": texts(lambda text: text.encode("utf-16")),
    "UTF-8 with a mark": texts(lambda text: text.encode("utf-8-sig")),
    "VS Code": notebooks(vs_code),
    "Colab": notebooks(colab),
    "cells that print, litter and need the lesson": cells(chatty),
    "x (1).ipynb": named("{} (1){}"),
    "x-Copy1.ipynb": named("{}-Copy1{}"),
    "x - Kopie.ipynb": named("{} - Kopie{}"),
    "Copy of x.ipynb": named("Copy of {}{}"),
    "ada_x-1.ipynb": named("ada_{}-1{}"),
    "upper case": upper,
    "outputs of 9 MB": notebooks(large),
    "no notebook at all": without_notebooks,
    "a wrong check last": wrong_check_last,
    "a Mac's zip with a folder in it": in_a_zip,
    "three passes through all parts in one ledger": three_passes,
}


@pytest.mark.parametrize(("name", "part"), with_parts(VARIANTS))
def test_an_honest_hand_in_earns_all_and_nobody_looks_at_it(
    whole: Callable[[int], Path], pictures: Path, came, name: str, part: int
):
    """Gradescope's Python is the newest that the course allows; an older one cannot judge what only
    that one knows.
    """
    if name == NEWER and sys.version_info < (3, 12):
        pytest.skip("no such syntax in this Python")
    folder = whole(part)
    handed = VARIANTS[name](folder, part) or folder
    setup = Setup(pictures=pictures, seed="a test's secret", rerun_s=400)
    result = grade(handed, part=part, student="x", setup=setup)
    reasons = reasons_for(result)
    came(name, result, bool(reasons))
    assert {row.id: row.message for row in result.rows if row.points < row.possible} == {}
    assert (result.fault, result.findings, reasons) == ("", (), [])
    assert result.grade == pytest.approx(result.worth)
    # Part 1 hands in the export, too.
    assert len(result.models) == (2 if part == 1 else 1)
