"""Pages are filled templates: whatever a submission holds is text there, for student, instructor
and staff.
"""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from grading.classroom.defence import sheet
from grading.classroom.handed_in import Handed
from grading.classroom.likeness import LikenessGroup
from grading.classroom.report import write_report
from grading.grade.contradictions import Contradiction
from grading.grade.intake import Note
from grading.grade.result import Result, ResultRow, SpotCheck, page
from labs.course.question import State


def pages(text: str, folder: Path) -> list[str]:
    """Return a student's page, a sheet and a class's report of people and rows that all hold a
    text.
    """
    shown = (("Returned", text),)
    rows: list[ResultRow] = []
    for state in (State.FAILED, State.PENDING, State.UNANSWERED):
        id = f"q{state}"
        rows.append(ResultRow(id, text, "measure", 0, 1, text, shown, text, state=state))
    failed = rows[0].id
    rows.append(ResultRow("rest", text, "measure", 0, 1, text, needs=failed, hidden=True))
    samples = {text: [0.1] * 50, f"{text}2": [0.2] * 50}
    contradiction = Contradiction("rule", (), text)
    result = Result(
        text,
        1,
        "d",
        tuple(rows),
        samples=samples,
        notes=(Note(text, text),),
        findings=(contradiction,),
        limits=(text,),
        fault=text,
    )
    shared = {text: {"ids": 1}, "bob": {"ids": 1}}
    group = LikenessGroup((text, "bob"), {"ids": 1}, shared)
    check = SpotCheck(text, (text, text))
    report = write_report([Handed(text, folder)], [result], [group], [check], folder)
    return [page(result, hidden=True), sheet(result, "seed", answers=True), report.read_text()]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=x>',
        "' onload='x",
        "{{ 7 * 7 }}{% raw %}",
        "&lt;b&gt;",
        "a `<b>",
    ],
)
def test_whatever_a_submission_holds_is_text_on_every_page(text: str, tmp_path: Path):
    """The same elements as for a plain word, and the text as it was written."""
    hostile_pages = pages(text, tmp_path)
    plain_pages = pages("plain", tmp_path)
    for hostile, plain in zip(hostile_pages, plain_pages, strict=True):
        assert elements(hostile) == elements(plain)
        assert text in BeautifulSoup(hostile, "html.parser").get_text()


def elements(page: str) -> list[tuple[str, ...]]:
    """Return each element's name and the names of its attributes, in the page's order."""
    soup = BeautifulSoup(page, "html.parser")
    return [(element.name, *element.attrs) for element in soup.find_all()]
