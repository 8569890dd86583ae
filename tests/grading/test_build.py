"""Building: the same source gives the same bytes, and a cell keeps its name when others come and go."""

from __future__ import annotations

import nbformat
import pytest

from grading.build import NOTEBOOK_METADATA, LessonError, build, is_stale, text_of


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
    assert notebook.metadata == NOTEBOOK_METADATA
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells if "outputs" in cell)
    nbformat.validate(notebook)


def test_a_checkpoint_cell_is_found_by_its_checkpoint(write_lesson):
    """Grafting a student's answer relies on it."""
    cell = next(cell for cell in build(write_lesson()).cells if cell.id == "start-processors")
    assert cell.metadata == {"checkpoint": "start.processors"}
    assert cell.source == 'answer("start.processors", ...)'


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
    assert ids(build(write_lesson(source))) == ["00-labels", "00-labels-2", "00-cell", "00-cell-2"]


def test_a_long_first_line_still_makes_a_valid_id(write_lesson):
    """64 characters are allowed."""
    notebook = build(
        write_lesson("# %% [markdown]\n# " + "word " * 40 + "\n\n# %% [markdown]\n# " + "word " * 40 + "\n")
    )
    assert all(len(name) <= 64 for name in ids(notebook))


def test_a_checkpoint_stands_in_one_cell_only(write_lesson):
    """Two cells with one id: which one would be graded?"""
    source = '# %% checkpoint="start.processors"\n...\n\n# %% checkpoint="start.processors"\n...\n'
    with pytest.raises(LessonError, match="two cells"):
        build(write_lesson(source))


@pytest.mark.parametrize("header", ['check="start.processors"', 'name="x"', 'Checkpoint="start.processors"'])
def test_metadata_that_nothing_reads_is_a_slip_of_the_pen(write_lesson, header):
    """A stub without its checkpoint would never be solved nor graded."""
    with pytest.raises(LessonError, match="known: checkpoint, tags"):
        build(write_lesson(f"# %% {header}\n...\n"))


def test_a_malformed_checkpoint_id_is_refused(write_lesson):
    """Spaces and capitals cannot be part of an id."""
    with pytest.raises(LessonError, match="no checkpoint id"):
        build(write_lesson('# %% checkpoint="Start Processors"\n...\n'))


def test_a_twin_is_stale_until_it_is_built_again(write_lesson):
    """What the check in `make check` relies on."""
    lesson = write_lesson()
    assert is_stale(lesson)
    lesson.notebook.write_text(text_of(build(lesson)), encoding="utf-8")
    assert not is_stale(lesson)
    write_lesson(lesson.source.read_text().replace("A story.", "Another story."))
    assert is_stale(lesson)
