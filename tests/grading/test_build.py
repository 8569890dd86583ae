"""Building: the same source gives the same bytes, and a cell keeps its name when others come and go."""

from __future__ import annotations

import nbformat
import pytest

from grading.builder.notebook import NOTEBOOK_METADATA, build, is_stale, source_of, text_of, write
from grading.builder.sources import sources
from labs.course import NOTEBOOKS_DIR, LessonError


def ids(notebook) -> list[str]:
    """Return the cell ids in order."""
    return [cell.id for cell in notebook.cells]


def test_building_twice_gives_the_same_bytes(write_lesson):
    """jupytext alone draws new cell ids each time."""
    lesson = write_lesson()
    assert text_of(build(lesson)) == text_of(build(lesson))


def test_a_built_notebook_holds_no_outputs_and_the_least_metadata(write_lesson):
    """Versions and execution counts would change the twin on each machine."""
    notebook = build(write_lesson())
    facts = notebook.metadata.pop("lesson")
    assert (facts["title"], facts["part"], facts["number"]) == ("A lesson", 0, "00")
    assert notebook.metadata == NOTEBOOK_METADATA
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)
    nbformat.validate(notebook)


def test_a_checkpoint_cell_is_found_by_its_checkpoint(write_lesson):
    """Grafting a student's answer relies on it."""
    cell = next(cell for cell in build(write_lesson()).cells if cell.id == "start-megabytes")
    assert cell.metadata == {"checkpoint": "start.megabytes"}
    assert cell.source == 'answer("start.megabytes", ...)'


def test_inserting_a_cell_changes_no_other_id(write_lesson):
    """With numbered cells, one insertion would rename the rest of the lesson."""
    before = ids(build(write_lesson()))
    source = write_lesson().source.read_text().replace("# %%\ncheck", "# %%\nnew = 1\n\n# %%\ncheck")
    after = ids(build(write_lesson(source)))
    assert [name for name in after if name != "00-new-1"] == before


def test_editing_below_the_first_line_keeps_the_id(write_lesson):
    """A paragraph that is improved is still the same paragraph."""
    before = build(write_lesson())
    after = build(write_lesson(write_lesson().source.read_text().replace("A story.", "A better story.")))
    assert ids(before) == ids(after)
    assert text_of(before) != text_of(after)


def test_cells_that_begin_alike_are_told_apart(write_lesson):
    """nbformat wants ids to be unique."""
    source = "# %%\nlabels\n\n# %%\nlabels\n\n# %% [markdown]\n# ***\n\n# %%\n"
    assert ids(build(write_lesson(source))) == ["00-begin", "00-labels", "00-labels-2", "00-cell", "00-cell-2"]


def test_every_lesson_begins_with_the_same_cell(write_lesson):
    """Before its first code, so that after a restart everybody knows which cell to run."""
    code = [cell for cell in build(write_lesson()).cells if cell.cell_type == "code"]
    assert (code[0].id, code[0].source.splitlines()[-1]) == ("00-begin", 'begin("00")')


def test_a_long_first_line_still_makes_a_valid_id(write_lesson):
    """64 characters are allowed."""
    notebook = build(
        write_lesson("# %% [markdown]\n# " + "word " * 40 + "\n\n# %% [markdown]\n# " + "word " * 40 + "\n")
    )
    assert all(len(name) <= 64 for name in ids(notebook))


def test_a_checkpoint_stands_in_one_cell_only(write_lesson):
    """Two cells with one id: which one would be graded?"""
    source = '# %% checkpoint="start.megabytes"\n...\n\n# %% checkpoint="start.megabytes"\n...\n'
    with pytest.raises(LessonError, match="two cells"):
        build(write_lesson(source))


@pytest.mark.parametrize("header", ['check="start.megabytes"', 'name="x"', 'Checkpoint="start.megabytes"'])
def test_metadata_that_nothing_reads_is_a_slip_of_the_pen(write_lesson, header):
    """A stub without its checkpoint would never be solved nor graded."""
    with pytest.raises(LessonError, match="known: checkpoint, shows, tags"):
        build(write_lesson(f"# %% {header}\n...\n"))


def test_a_malformed_checkpoint_id_is_refused(write_lesson):
    """Spaces and capitals cannot be part of an id."""
    with pytest.raises(LessonError, match="no checkpoint id"):
        build(write_lesson('# %% checkpoint="Start Processors"\n...\n'))


def test_a_twin_is_stale_until_it_is_built_again(write_lesson):
    """What the check in `make check` relies on."""
    lesson = write_lesson()
    assert is_stale(lesson)
    write(lesson)
    assert not is_stale(lesson)
    write_lesson(lesson.source.read_text().replace("A story.", "Another story."))
    assert is_stale(lesson)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("#     title: A lesson\n", ""), "lacks title"),
        (("#     ports: []\n", "#     ports: []\n#     room: 12\n"), "does not know room"),
        (("minutes: 10", "minutes: ten"), "minutes as int, not 'ten'"),
        (('number: "00"', "number: 0"), "number as str, not 0"),
        (('number: "00"', 'number: "01"'), "is not the file name's"),
        (("part: 0", "part: 1"), "part 1 is not 0_start"),
        (("kind: core", "kind: main"), "it may be core, extra"),
        (("where: [laptop]", "where: [moon]"), "where may hold laptop, hub"),
        (("#   lesson:", "#   lessons:"), "holds no 'lesson:'"),
        (("# ---\n# jupyter", "# jupyter"), "begins with no front matter"),
    ],
)
def test_front_matter_with_a_fault_is_refused_with_its_name(write_lesson, change, says):
    """Everything about the course is derived from it."""
    lesson = write_lesson()
    source = lesson.source.read_text(encoding="utf-8").replace(*change, 1)
    lesson.source.write_text(source, encoding="utf-8")
    with pytest.raises(LessonError, match=says):
        sources(lesson.notebook.parents[1])


def test_a_lesson_ends_with_a_link_to_the_next_one(write_lesson):
    """In the order of the numbers, over the borders of parts; the last one has none."""
    first, last = write_lesson(), write_lesson(name="10_b", folder="1_model")
    middle = write_lesson(name="01_a")
    assert build(first).cells[-1].source == "Next: [01 A lesson](01_a.ipynb)"
    assert build(middle).cells[-1].source == "Next: [10 A lesson](../1_model/10_b.ipynb)"
    assert build(middle).cells[-1].id == "01-next"
    assert "Next" not in build(last).cells[-1].source


def test_a_source_leaves_the_link_to_the_builder(write_lesson):
    """A link that is written by hand is wrong when a lesson is put between."""
    with pytest.raises(LessonError, match="leave out"):
        build(write_lesson("# %% [markdown]\n# Next: [01 A](01_a.ipynb).\n"))


def test_a_cell_shows_the_source_that_the_package_holds(write_lesson):
    """Docstring included, and exactly as it stands there."""
    cell = build(write_lesson('# %% shows="labs.data.labels:CLASS_NAMES"\n...\n')).cells[1]
    assert cell.source.startswith("CLASS_NAMES")
    assert cell.source in (NOTEBOOKS_DIR.parent / "labs" / "data" / "labels.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ('shows="labs.data.labels:colours"\n...', "labels.py defines no colours; it has CLASS_NAMES"),
        ('shows="labs.nothing:colours"\n...', "there is no module labs.nothing"),
        ('shows="numpy:array"\n...', "wants a module of labs or provisioning"),
        ('shows="labs.data.labels:CLASS_NAMES"\nx = 1', "may hold nothing but"),
    ],
)
def test_a_cell_that_cannot_be_filled_is_named(write_lesson, cell, says):
    """An author reads what there is."""
    with pytest.raises(LessonError, match=says):
        build(write_lesson(f"# %% {cell}\n"))


def test_a_shown_function_keeps_its_decorators_and_several_keep_their_order(tmp_path):
    """The module is read, never imported."""
    (tmp_path / "labs").mkdir()
    text = 'import nowhere\n\n\ndef b():\n    """B."""\n\n\n@cached\n@other(1)\ndef a(x):\n    """A."""\n    return x\n'
    (tmp_path / "labs" / "m.py").write_text(text)
    shown = source_of("labs.m:a, b", root=tmp_path)
    assert shown == '@cached\n@other(1)\ndef a(x):\n    """A."""\n    return x\n\n\ndef b():\n    """B."""'
