"""Answer cells are found whatever surrounds them, and nothing else of a notebook is looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grading.grade.functions.cells import answer_cells

WANTED = {"choose.pick", "choose.frontier"}


def cell(source: object, **fields: object) -> dict:
    """Return a code cell."""
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None, **fields}


def write(path: Path, *cells: object, **fields: object) -> Path:
    """Write a notebook."""
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells), **fields}))
    return path


def test_cells_are_known_by_id_or_by_their_question(tmp_path: Path):
    """Some editors give new ids; sources may be texts or lists of lines."""
    path = write(
        tmp_path / "a.ipynb",
        cell("def pick(): ...", id="choose-pick"),
        cell(["a = 2\n", "check(a)"], id="f00d", metadata={"question": "choose.frontier"}),
        cell("import os", id="mine"),
    )
    assert answer_cells(path, WANTED) == {"choose.pick": "def pick(): ...", "choose.frontier": "a = 2\ncheck(a)"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_notebook_is_read_in_the_encoding_that_an_editor_gave_it(tmp_path: Path, encoding: str):
    """Some Windows programs save no other one. The first of two cells counts: it is what was shown."""
    path = write(tmp_path / "a.ipynb", cell("first", id="choose-pick"), cell("a copy, after it", id="choose-pick"))
    path.write_bytes(path.read_text().encode(encoding))
    assert answer_cells(path, WANTED) == {"choose.pick": "first"}


@pytest.mark.parametrize(
    "text",
    [
        b"\x89PNG\r\n\x1a\n\xff\xfe",
        "",
        "[]",
        "<html>Log in</html>",
        '{"cells": [{"cell_type": "code", "id": "choose-pick", "sour',
        '{"nbformat": 3, "worksheets": [{"cells": []}]}',
        '{"nbformat": 4}',
        '{"cells": {"a": 1}}',
        '{"cells": [1, null, [], {"cell_type": "code"}, {"cell_type": "code", "id": "choose-pick", "source": 3}]}',
        '{"cells": [{"cell_type": "code", "id": ["choose-pick"], "metadata": 3, "source": ["a", 1]}]}',
        '{"cells": [{"cell_type": "code", "id": "x", "metadata": {"question": ["choose.pick"]}, "source": "a"}]}',
        '{"cells": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"cells": ' * 100_000,
    ],
)
def test_whatever_calls_itself_a_notebook_is_read_or_holds_nothing(tmp_path: Path, text: str | bytes):
    """Truncated, an HTML page, a list, an old format, 100,000 brackets: no error, and no cell."""
    path = tmp_path / "a.ipynb"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert answer_cells(path, WANTED) == {}


def test_outputs_and_kernels_do_not_matter(tmp_path: Path):
    """NaN in an output, a kernel that nobody has, a very long output: only sources are read."""
    path = write(
        tmp_path / "a.ipynb",
        cell(
            "def pick(): ...",
            id="choose-pick",
            outputs=[{"output_type": "stream", "name": "stdout", "text": "x" * 2_000_000}],
        ),
        cell("1", id="x", outputs=[{"output_type": "display_data", "data": {"application/json": float("nan")}}]),
        metadata={"kernelspec": {"name": "no-such-kernel", "language": "cobol"}},
    )
    assert answer_cells(path, WANTED) == {"choose.pick": "def pick(): ..."}


def test_an_endless_source_is_not_taken(tmp_path: Path):
    """An answer is a few lines."""
    assert answer_cells(write(tmp_path / "a.ipynb", cell("1\n" * 20_000, id="choose-pick")), WANTED) == {}
