"""Honest work in all the forms that machines, editors and browsers give it: every point, and nobody to look at.

``pytest -s`` prints the table.
"""

import json
import random
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.grade.grader import Setup, grade
from grading.grade.result import spot_checks
from labs.course.assignment import assignment
from labs.course.question import all_questions
from labs.machine.fingerprint import Fingerprint
from tests.grading.grader.test_red_team import as_they_are, entries_of, functions_of, keep, reworked
from tests.grading.recorded import written
from tests.grading.whole import everything
from tests.tools import sandboxed

pytestmark = [pytest.mark.timeout(600), sandboxed]

PARTS = tuple(assignment().parts)

#: What becomes of a whole hand-in's folder, given the part; what is handed in is returned where it is another place.
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
    """Return a variant that writes notebooks and ledger anew."""

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
    """Write down what VS Code does: ids of its own, and a kernel named after an environment."""
    notebook["metadata"] = {
        "kernelspec": {"display_name": ".venv (3.13.1)", "language": "python", "name": "python3"}
    }
    for place, cell in enumerate(notebook["cells"]):
        cell |= {
            "id": f"{place:08x}",
            "metadata": {**cell["metadata"], "vscode": {"languageId": "python"}},
        }


def colab(notebook: dict) -> None:
    """Write down what Colab does: an older format, ids among the metadata, and sources as lists of lines."""
    notebook |= {
        "nbformat_minor": 0,
        "metadata": {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}},
    }
    for place, cell in enumerate(notebook["cells"]):
        cell |= {
            "source": "".join(cell["source"]).splitlines(keepends=True),
            "metadata": {"id": f"x{place}"},
        }
        cell.pop("id", None)


def cells(change: Callable[[str], str]) -> Variant:
    """Return a variant that changes the cells of functions, as their checks kept them."""
    return lambda folder, part: reworked(
        folder, lambda asked, right: change(right), lambda name, right: right
    )


def chatty(cell: str) -> str:
    """Let a cell print, leave files behind, and need what only the lesson has."""
    more = "print('x' * 100_000)\nopen('results.jsonl', 'a').write('{\"question\"')\nlater = measured_in_the_lesson\n"
    return f"import sys\n# NBVAL_SKIP\n{cell}\n{more}"


def large(notebook: dict) -> None:
    """Show 9 MB, and what is no JSON."""
    for cell in notebook["cells"]:
        cell["outputs"] = [
            {"output_type": "display_data", "data": {"application/json": float("nan")}}
        ]
    notebook["cells"][-1]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "x" * (9 << 20)}
    ]


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
    tries = [
        {
            **one,
            "record_id": f"{place:032x}",
            "value": {
                "source": "def other(*given):\n    raise ValueError",
                "outputs": [{"raised": "ValueError"}],
            },
        }
        for place, one in enumerate(functions_of(entries), start=1 << 20)
    ]
    for one in tries:
        one["value"]["outputs"] *= len(all_questions()[one["question"]].cases)
    keep(folder, [*entries, *tries])


def slow_machine(folder: Path, part: int) -> None:
    """Let everything take thirty times as long."""
    entries = entries_of(folder)
    for one in entries:
        if one.get("kind") in ("latency", "throughput", "load"):
            one["samples"] = [30 * sample for sample in one["samples"]]
            one["monotonic_end_s"] = one["monotonic_start_s"] + 30 * (
                one["monotonic_end_s"] - one["monotonic_start_s"]
            )
            if one["kind"] == "load":
                one["load"]["offsets_s"] = [30 * offset for offset in one["load"]["offsets_s"]]
        value = one.get("value")
        if isinstance(value, dict) and "evidence" in value:
            value["evidence"]["p50_ms"] *= 30
    keep(folder, entries)


def other_processor(folder: Path, part: int) -> None:
    """Let another processor round INT8 in its way: one picture in twenty has another class, right as often as wrong."""
    entries, dice, ids = entries_of(folder), random.Random(5), {}
    for one in entries:
        if one["type"] == "measurement":
            before, one["machine"]["cpu_model"] = one["machine"]["machine_id"], "another processor"
            ids[before] = Fingerprint.from_json(one["machine"]).machine_id
        if one.get("kind") == "accuracy" and one["precision"] != "fp32":
            details = one["details"]
            right = [place for place, sample in enumerate(one["samples"]) if sample]
            wrong = [place for place, sample in enumerate(one["samples"]) if not sample]
            for place in (
                *dice.sample(right, len(one["samples"]) // 40),
                *dice.sample(wrong, len(one["samples"]) // 40),
            ):
                label = details["labels"][place]
                details["predicted"][place] = label if place in wrong else (label + 1) % 11
            one["samples"] = [
                float(a == b) for a, b in zip(details["predicted"], details["labels"], strict=True)
            ]
    text = written(entries)
    for before, after in ids.items():
        text = text.replace(before, after)
    (folder / "ledger.jsonl").write_text(text, encoding="utf-8")


def three_passes(folder: Path, part: int) -> None:
    """Keep one ledger for all parts, and go through all of them three times."""
    entries = [one for turn in range(3) for one in everything(turn)]
    (folder / "ledger.jsonl").write_text(written(entries), encoding="utf-8")


def in_a_zip(folder: Path, part: int) -> Path:
    """Zip a folder as a Mac does."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for one in folder.iterdir():
            archive.write(one, f"my work/{one.name}")
            archive.writestr(f"__MACOSX/my work/._{one.name}", b"\0\5\26\7")
    return path


NEWER = "in Python 3.13's syntax"

VARIANTS: dict[str, Variant] = {
    "as it is": as_they_are,
    "a machine thirty times as slow": slow_machine,
    "another processor, which rounds in its way": other_processor,
    "run with Python 3.13": notebooks(
        lambda one: one["metadata"].update(language_info={"name": "python", "version": "3.13.1"})
    ),
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


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", VARIANTS)
def test_an_honest_hand_in_earns_all_and_nobody_looks_at_it(
    whole: Callable[[int], Path], pictures: Path, came, name: str, part: int
):
    """Gradescope's Python is the newest that the course allows; an older one cannot judge what only that one knows."""
    if name == NEWER and sys.version_info < (3, 12):
        pytest.skip("no such syntax in this Python")
    folder = whole(part)
    handed = VARIANTS[name](folder, part) or folder
    result = grade(
        handed,
        part=part,
        student="x",
        setup=Setup(pictures=pictures, seed="a test's secret", rerun_s=400),
    )
    told = [reason for one in spot_checks([result], seed="x", share=0) for reason in one.reasons]
    came(name, result, bool(told))
    assert {row.id: row.message for row in result.rows if row.points < row.possible} == {}
    assert (result.fault, result.findings, told) == ("", (), [])
    assert result.grade == pytest.approx(result.worth)
    assert len(result.models) == 1
