"""Pages are filled templates: whatever a submission holds is text there, for student, instructor and staff."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from grading.classroom.defence import sheet
from grading.classroom.likeness import Group
from grading.classroom.report import write_report
from grading.classroom.roster import Handed
from grading.grade.contradictions import Finding
from grading.grade.intake import Note
from grading.grade.result import Result, Row, SpotCheck, page
from labs.course.question import State


class Read(HTMLParser):
    """A page as a browser reads it: its elements with the names of their attributes, and its text."""

    def __init__(self, page: str):
        super().__init__()
        self.elements: list[tuple[str, ...]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, *(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def pages(text: str, folder: Path) -> list[str]:
    """Return a student's page, a sheet and a class's report of people and rows that all hold a text."""
    rows = [
        Row(f"q{state}", text, "measure", 0, 1, text, (("Returned", text),), text, state=state)
        for state in (State.FAILED, State.PENDING, State.UNANSWERED)
    ]
    rows.append(Row("rest", text, "measure", 0, 1, text, needs=f"q{State.FAILED}", hidden=True))
    told = {"notes": (Note(text, text),), "findings": (Finding("rule", (), text),), "limits": (text,), "fault": text}
    result = Result(text, 1, "d", tuple(rows), samples={text: [0.1] * 50, f"{text}2": [0.2] * 50}, **told)
    group = Group((text, "bob"), {"ids": 1}, {text: {"ids": 1}, "bob": {"ids": 1}})
    report = write_report([Handed(text, folder)], [result], [group], [SpotCheck(text, (text, text))], folder)
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
    for hostile, plain in zip(pages(text, tmp_path), pages("plain", tmp_path), strict=True):
        assert Read(hostile).elements == Read(plain).elements
        assert text in Read(hostile).text
