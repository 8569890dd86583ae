"""Programs as their lessons' checks judge them: whatever does the same in other words is right, and slips are named."""

import re
import tomllib

import pytest

from grading.builder.questions import written
from grading.builder.sources import sources
from labs.course.question import Question
from labs.course.rules import fault
from labs.workspace import STUB
from tests.honest import handed

LESSONS = {lesson.id: lesson for lesson in sources()}
PROGRAMS = {
    id: Question(id, **asked.values)
    for lesson in LESSONS.values()
    for id, asked in written(lesson).items()
    if asked.values["kind"] == "file" and asked.values["reads"].startswith("labs.judge.")
}


def text_of(id: str, *edits: str) -> str:
    """Return a lesson's own program, changed."""
    texts = handed(LESSONS[id.partition(".")[0]], id)
    text = (texts.get("1/model.py") or next(iter(texts.values())))["text"]
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new) if old else new + text
    return text


def said(id: str, text: str) -> str:
    """Return what the lesson's check says of a program; an empty text if it is right."""
    asked = PROGRAMS[id]
    facts = asked.read({"program.py": text})
    print(id, facts)
    return fault(asked.rules, facts)


#: Of each program its honest forms and its slips, by title, which lie beside its lesson's questions.
FORMS = {
    f"{lesson.id}.{name}": forms
    for lesson in LESSONS.values()
    for path in lesson.folder.glob("programs.toml")
    for name, forms in tomllib.loads(path.read_text("utf-8")).items()
}


PRINTS = "import sys\nprint('[' * 9)\nsys.stdout.write('{\"reply\": 1}\\n')\nprint('to the log', file=sys.stderr)\n"

#: What any program may be or do.
ALIKE = {"as it is": [], "CRLF": ["\n", "\r\n"], "BOM": ["", "\ufeff"], "prints": ["", PRINTS]}


def rows(kind: str, alike: dict[str, list[str]]) -> list:
    """Return each program's forms of a kind, and those of all programs, for pytest."""
    forms = [
        (id, title, edits)
        for id, of in FORMS.items()
        for title, edits in (alike | of[kind]).items()
    ]
    return [pytest.param(id, edits, id=f"{id} {title}") for id, title, edits in forms]


def test_each_program_has_its_honest_forms_and_its_slips():
    """And what keeps it from being asked speaks first."""
    assert set(FORMS) == set(PROGRAMS)
    assert {asked.rules[0][0] for asked in PROGRAMS.values()} == {"lost"}


@pytest.mark.parametrize(("id", "edits"), rows("honest", ALIKE))
def test_honest_forms_of_a_program_earn_all(id: str, edits: list[str]):
    """Whatever else it does, in whatever words."""
    assert said(id, text_of(id, *edits)) == ""


@pytest.mark.parametrize(("id", "slip"), rows("slips", {}))
def test_a_slip_is_told_by_the_property_that_it_lacks(id: str, slip: list[str]):
    """Not by the words of the program."""
    says, *edits = slip
    assert re.search(says, said(id, text_of(id, *edits)))


@pytest.mark.parametrize("id", PROGRAMS)
def test_what_still_holds_the_stub_is_not_judged(id: str):
    """It is open, and not wrong."""
    with pytest.raises(NotImplementedError):
        PROGRAMS[id].read({"program.py": f"raise NotImplementedError({STUB!r})"})
