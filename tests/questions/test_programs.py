"""Programs as their lessons' checks judge them: whatever does the same in other words is right, and
slips are named.
"""

import re
import tomllib
from collections.abc import Iterator

import pytest

from grading.builder.questions import written
from grading.builder.sources import sources
from labs.course.lessons import Lesson
from labs.course.question import Question
from labs.course.rules import fault
from labs.workspace import STUB
from tests.honest import handed

# Some two hundred programs are started, one after the other.
pytestmark = pytest.mark.timeout(700)

LESSONS = {lesson.id: lesson for lesson in sources()}


def programs_of(lesson: Lesson) -> Iterator[Question]:
    """Yield a lesson's questions whose file is a program."""
    for id, asked in written(lesson).items():
        question = Question(id, **asked.values)
        if question.kind == "file" and question.opened and question.opened_by != "model":
            yield question


PROGRAMS = {asked.id: asked for lesson in LESSONS.values() for asked in programs_of(lesson)}


def text_of(id: str, *edits: str) -> str:
    """Return a lesson's own program, changed."""
    lesson = LESSONS[id.partition(".")[0]]
    files = handed(lesson, id)
    file = files.get("1/model.py") or next(iter(files.values()))
    text = file["text"]
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new) if old else new + text
    return text


def refusal(id: str, text: str) -> str:
    """Return what the lesson's check says of a program; an empty text if it is right."""
    asked = PROGRAMS[id]
    return fault(asked.rules, asked.read({"program.py": text}))


#: Of each program its honest forms and its slips, by title, which lie beside its lesson's
#: questions.
FORMS: dict[str, dict[str, dict]] = {}
for _lesson in LESSONS.values():
    for _path in _lesson.folder.glob("programs.toml"):
        _forms = tomllib.loads(_path.read_text(encoding="utf-8"))
        FORMS |= {f"{_lesson.id}.{name}": forms for name, forms in _forms.items()}


PRINTS = (
    "import sys\nprint('[' * 9)\nsys.stdout.write('{\"reply\": 1}\\n')\nprint('to the log', "
    "file=sys.stderr)\n"
)

#: Possible forms and behaviour of any program.
ALIKE = {"as it is": [], "CRLF": ["\n", "\r\n"], "BOM": ["", "\ufeff"], "prints": ["", PRINTS]}


def rows(kind: str, alike: dict[str, list[str]]) -> list:
    """Return each program's forms of a kind, and those of all programs, for pytest.

    A form takes seconds; all but each program's first one are `slow`.
    """
    params = []
    for id, forms in FORMS.items():
        titled = alike | forms.get(kind, {})
        for place, (title, edits) in enumerate(titled.items()):
            marks = [pytest.mark.slow] if place else []
            params.append(pytest.param(id, edits, id=f"{id} {title}", marks=marks))
    return params


def test_each_program_has_its_honest_forms_and_its_slips():
    """The first message names the fault that prevents the requests."""
    assert set(FORMS) == set(PROGRAMS)
    assert {asked.rules[0][0] for asked in PROGRAMS.values()} == {"lost"}


@pytest.mark.parametrize(("id", "edits"), rows("honest", ALIKE))
def test_honest_forms_of_a_program_earn_all(id: str, edits: list[str]):
    """Whatever else it does, in whatever words."""
    assert refusal(id, text_of(id, *edits)) == ""


@pytest.mark.parametrize(("id", "slip"), rows("slips", {}))
def test_a_slip_is_told_by_the_property_that_it_lacks(
    id: str, slip: list[str], request: pytest.FixtureRequest
):
    """Each clause of a contract is broken once; ``pytest -s`` prints the table of what is said."""
    says, *edits = slip
    message = refusal(id, text_of(id, *edits))
    print(f"\n{request.node.callspec.id} | {message}")
    assert re.search(says, message)


@pytest.mark.parametrize(("id", "form"), rows("harmless", {}))
def test_what_a_contract_leaves_open_earns_all(
    id: str, form: list[str], request: pytest.FixtureRequest
):
    """With the reason why it is harmless, which ``pytest -s`` prints, too."""
    reason, *edits = form
    print(f"\n{request.node.callspec.id} | harmless: {reason}")
    assert refusal(id, text_of(id, *edits)) == ""


@pytest.mark.parametrize("id", PROGRAMS)
def test_what_still_holds_the_stub_is_not_judged(id: str):
    """It is open rather than wrong."""
    with pytest.raises(NotImplementedError):
        PROGRAMS[id].read({"program.py": f"raise NotImplementedError({STUB!r})"})
