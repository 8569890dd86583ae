"""Building: the same source gives the same bytes, a cell keeps its name, and students get no
solution.
"""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from grading.builder.compiled import compiled
from grading.builder.notebook import BEGIN, NOTEBOOK_METADATA, build, source_of
from grading.builder.sources import sources
from labs.course.assignment import SHIPPED, assignment
from labs.course.lessons import LessonError
from labs.records import decision
from tests.course import SOURCE

SAME = SOURCE.format(id="toy")


def ids(notebook) -> list[str]:
    return [cell.id for cell in notebook.cells]


def test_a_built_notebook_holds_no_outputs_and_the_least_metadata(write_lesson):
    """Versions and execution counts would change the twin on each machine."""
    notebook = build(write_lesson())
    facts = notebook.metadata.pop("lesson")
    assert (facts["title"], facts["part"], facts["id"]) == ("A lesson", 0, "toy")
    assert notebook.metadata == NOTEBOOK_METADATA
    assert all(
        cell.outputs == [] and cell.execution_count is None
        for cell in notebook.cells
        if "outputs" in cell
    )
    nbformat.validate(notebook)


def test_inserting_or_improving_a_cell_changes_no_other_id(write_lesson):
    """With numbered cells, one insertion would rename the rest of the lesson; a better paragraph is
    still the same.
    """
    before = ids(build(write_lesson()))
    source = SAME.replace("A story.", "A better story.")
    after = ids(
        build(
            write_lesson(source=source.replace("# %%\nguesses", "# %%\nnew = 1\n\n# %%\nguesses"))
        )
    )
    assert [name for name in after if name != "toy-new-1"] == before


def test_cells_that_begin_alike_are_told_apart_and_ids_stay_short(write_lesson):
    """nbformat wants ids to be unique, and no longer than 64 characters; every lesson begins with
    the same cell.
    """
    long = "# %% [markdown]\n# " + "word " * 40 + "\n\n"
    source = "# %%\nlabels\n\n# %%\nlabels\n\n# %% [markdown]\n# ***\n\n# %%\n\n" + long * 2
    notebook = build(write_lesson(source=source))
    assert ids(notebook)[:5] == [
        "toy-begin",
        "toy-labels",
        "toy-labels-2",
        "toy-cell",
        "toy-cell-2",
    ]
    assert notebook.cells[0].source == BEGIN.format(id="toy")
    assert all(len(name) <= 64 for name in ids(notebook))


#: A cell with a solution, and the students' version.
STUBS = {
    "a function": (
        'def f(x):\n    """Do it."""\n    ### BEGIN SOLUTION\n    y = x\n    return y\n    ### '
        "END SOLUTION\n\n\nf(1)",
        'def f(x):\n    """Do it."""\n    raise NotImplementedError("Your turn: replace this '
        'line.")\n\n\nf(1)',
    ),
    "lines of a cell": (
        "path = 1\n### BEGIN SOLUTION\nmake(path)\n### END SOLUTION\ncheck(path)",
        'path = 1\nraise NotImplementedError("Your turn: replace this line.")\ncheck(path)',
    ),
    "a stub of its own": (
        "### BEGIN SOLUTION\nchoice = 'b'\n### STUB\nchoice = ...\n### END SOLUTION\nchoice",
        "choice = ...\nchoice",
    ),
    "two solutions": (
        "### BEGIN SOLUTION\na = 1\n### STUB\na = ...\n### END SOLUTION\n"
        "### BEGIN SOLUTION\nb = 2\n### STUB\n### END SOLUTION\nc",
        "a = ...\nc",
    ),
    "a Python file": (
        "%%writefile programs/app.py\ndef f():\n    ### BEGIN SOLUTION\n    return 1\n    ### "
        "END SOLUTION",
        '%%writefile programs/app.py\ndef f():\n    raise NotImplementedError("Your turn: '
        'replace this line.")',
    ),
    "a file of another language": (
        "%%writefile programs/food.v1/config.pbtxt\nname: 'x'\n### BEGIN SOLUTION\nbatch: "
        "8\n### END SOLUTION",
        "%%writefile programs/food.v1/config.pbtxt\nname: 'x'\n# Your turn: replace this line.",
    ),
    "a file without an ending": (
        "%%writefile programs/Dockerfile\n### BEGIN SOLUTION\nFROM x\n### STUB\n# FROM …\n### "
        "END SOLUTION",
        "%%writefile programs/Dockerfile\n# FROM …",
    ),
}


@pytest.mark.parametrize("name", STUBS)
def test_a_solution_stays_home_and_its_stub_runs_or_says_whose_turn_it_is(write_lesson, name: str):
    """In the solved twin it stands without the marks around it, and without the stub."""
    source, stub = STUBS[name]
    lesson = write_lesson(source=f"# %%\n{source}\n", questions="")
    (cell,) = (cell for cell in build(lesson).cells if cell.id != "toy-begin")
    assert cell.source == stub
    solved = next(
        cell.source for cell in build(lesson, solved=True).cells if cell.id != "toy-begin"
    )
    assert "###" not in solved
    assert "Your turn" not in solved
    assert "..." not in solved


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('# %% check="toy.double"\n...\n', "known: question, shows, folded, tags"),
        ('# %% Question="toy.double"\n...\n', "known: question, shows, folded, tags"),
        ('# %% question="Toy Double"\n...\n', "is no question id"),
        (
            '# %% question="toy.double"\n...\n\n# %% question="toy.double"\n...\n',
            "stands in two cells",
        ),
        ("# %% [markdown]\n# Next: [A](01_a.ipynb).\n", "leave out"),
        (
            "# %% [markdown]\n# {{ onnx_epyc.p51_ms }}\n",
            "is no figure of assets/reference/published.json",
        ),
        ("# %% [markdown]\n# {{ MOST_BUSY }}\n", "is not known; known: UTILIZATION"),
        (
            '# %% shows="labs.data.labels:colours"\n...\n',
            "labels.py defines no colours; it has CLASS_NAMES",
        ),
        ('# %% shows="labs.nothing:colours"\n...\n', "there is no module labs.nothing"),
        ('# %% shows="numpy:array"\n...\n', "wants a module of labs or provisioning"),
        ('# %% shows="labs.data.labels:CLASS_NAMES"\nx = 1\n', "may hold nothing but"),
    ],
)
def test_a_cell_with_a_fault_is_refused(write_lesson, source, says):
    """Each is a slip of the pen that would be graded, or shown, wrong in silence."""
    lesson = write_lesson(source=source, questions="")
    with pytest.raises(LessonError, match=says):
        build(lesson)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('#     title: "A lesson"\n', ""), "lacks title"),
        (("#     ports: []\n", "#     ports: []\n#     room: 12\n"), "does not know room"),
        (
            ("ports: []", "ports: []\n#     machine_minutes: ten"),
            "machine_minutes as int, not 'ten'",
        ),
        (("ports: []", "ports: []\n#     machine_minutes: -1"), "minutes must not be negative"),
        (('id: "toy"', "id: 0"), "id as str, not 0"),
        (('id: "toy"', 'id: "Toy 1"'), "is no word"),
        (("part: 0", "part: 1"), "part 1 is not 0_start"),
        (('kind: "core"', 'kind: "main"'), "it may be core, deeper"),
        (('kind: "core"', 'kind: "deeper"'), "it lies in 0_start/"),
        (('where: ["laptop"]', 'where: ["moon"]'), "where may hold laptop, hub"),
        (("ports: []", 'ports: [80]\n#     takes: {"x": []}'), "takes wants lists"),
        (("#   lesson:", "#   lessons:"), "holds no 'lesson:'"),
        (("# ---\n# jupyter", "# jupyter"), "begins with no front matter"),
    ],
)
def test_front_matter_with_a_fault_is_refused_with_its_name(write_lesson, course, change, says):
    """Everything about the course is derived from it."""
    path = write_lesson().folder / "lesson.py"
    text = path.read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(LessonError, match=says):
        sources(course)


def test_a_lesson_ends_with_a_link_to_the_next_one(write_lesson):
    """The core path first, over the borders of parts; a deep dive leads to the next lesson, and the
    last one has none.

    Core lessons that the assignment leaves out are passed over. A guide for instructors is none of
    them.
    """
    first = write_lesson("start", name="00_a", title="First")
    unasked = write_lesson("unasked", name="01_x", title="Unasked")
    dive = write_lesson("dive", name="01_b", folder="0_start/deeper", title="Dive")
    unasked_too = write_lesson("unasked_too", name="10_a", folder="1_model", title="Unasked too")
    last = write_lesson("measure", name="10_c", folder="1_model", title="Last")
    deepest = write_lesson("deepest", name="01_d", folder="1_model/deeper", title="Deepest")
    guide = write_lesson("guide", name="90_e", folder="instructor", kind="guide", questions="")
    course = (first, unasked, dive, unasked_too, last, deepest, guide)
    ends = {lesson.id: build(lesson).cells[-1] for lesson in course}
    assert ends["start"].source == "Next: [Last](../1_model/10_c.ipynb)"
    assert ends["start"].id == "start-next"
    assert ends["unasked"].source == "Next: [Unasked too](../1_model/10_a.ipynb)"
    assert ends["dive"].source == "Next: [Last](../../1_model/10_c.ipynb)"
    assert ends["measure"].source == "Next: [Deepest](deeper/01_d.ipynb)"
    assert not any(ends[id].source.startswith("Next") for id in ("deepest", "guide"))
    assert not any(cell.id == "guide-begin" for cell in build(guide).cells)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_each_lesson_that_is_asked_leads_to_the_next_that_is_asked(monkeypatch, path: Path):
    """Whichever of the shipped assignments a class takes."""
    monkeypatch.setattr("labs.course.assignment.PATH", path)
    asked = [lesson.id for lesson in assignment().lessons()]
    course = [source for source in sources() if source.id in asked]
    for lesson, following in itertools.pairwise(course):
        assert build(lesson).cells[-1].source.startswith(f"Next: [{following.title}]("), lesson.id


def test_a_shown_function_keeps_its_decorators_and_several_keep_their_order(tmp_path):
    """The module is read, never imported."""
    (tmp_path / "labs").mkdir()
    text = (
        'import nowhere\n\n\ndef b():\n    """B."""\n\n\n@cached\n@other(1)\ndef a(x):\n    '
        '"""A."""\n    return x\n'
    )
    (tmp_path / "labs" / "m.py").write_text(text)
    shown = source_of("labs.m:a, b", root=tmp_path)
    assert (
        shown
        == '@cached\n@other(1)\ndef a(x):\n    """A."""\n    return x\n\n\ndef b():\n    """B."""'
    )


def strings(value: object) -> Iterator[str]:
    """Return all texts in plain JSON data, without its numbers."""
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, str):
        yield value


def test_the_share_of_a_rate_that_a_machine_is_given_is_stored_once(monkeypatch):
    """Built with another share, no sentence of a lesson that computes with it, or of its questions,
    has the old one.
    """
    percent, share = f"{100 * decision.UTILIZATION:g}", f"{decision.UTILIZATION:g}"
    literal = re.compile(rf"(?<![\d.,])({percent} ?(%|per cent)|{re.escape(share)})(?![\d.])")
    using = [
        lesson
        for lesson in sources()
        if "UTILIZATION" in (lesson.folder / "lesson.py").read_text(encoding="utf-8")
    ]
    assert "defend" in {lesson.id for lesson in using}
    monkeypatch.setattr(decision, "UTILIZATION", 0.83)
    for lesson in using:
        cells = "\n".join(cell.source for cell in build(lesson, solved=True).cells)
        questions = "\n".join(strings(json.loads(compiled([lesson]))))
        assert not literal.search(f"{cells}\n{questions}"), lesson.id
        assert (
            "{{ UTILIZATION }}" in (lesson.folder / "lesson.py").read_text(encoding="utf-8")
        ) == ("83 %" in cells)
