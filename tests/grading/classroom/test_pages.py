"""Pages are filled templates: whatever a submission holds is text there, for student, instructor and staff."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from grading.classroom.defence import sheet
from grading.classroom.likeness import Group
from grading.classroom.report import write_report
from grading.classroom.roster import Handed
from grading.grade.contradictions import Finding
from grading.grade.intake import Note
from grading.grade.result import Result, Row, SpotCheck, page
from labs.course.question import State


def pages(text: str, folder: Path) -> list[str]:
    """Return a student's page, a sheet and a class's report of people and rows that all hold a text."""
    rows = [
        Row(f"q{state}", text, "measure", 0, 1, text, (("Returned", text),), text, state=state)
        for state in (State.FAILED, State.PENDING, State.UNANSWERED)
    ]
    rows.append(Row("rest", text, "measure", 0, 1, text, needs=f"q{State.FAILED}", hidden=True))
    told = {
        "notes": (Note(text, text),),
        "findings": (Finding("rule", (), text),),
        "limits": (text,),
        "fault": text,
    }
    result = Result(
        text, 1, "d", tuple(rows), samples={text: [0.1] * 50, f"{text}2": [0.2] * 50}, **told
    )
    group = Group((text, "bob"), {"ids": 1}, {text: {"ids": 1}, "bob": {"ids": 1}})
    report = write_report(
        [Handed(text, folder)], [result], [group], [SpotCheck(text, (text, text))], folder
    )
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
    for both in zip(pages(text, tmp_path), pages("plain", tmp_path), strict=True):
        hostile, plain = (BeautifulSoup(page, "html.parser") for page in both)
        shapes = [[(one.name, *one.attrs) for one in page.find_all()] for page in (hostile, plain)]
        assert shapes[0] == shapes[1]
        assert text in hostile.get_text()
