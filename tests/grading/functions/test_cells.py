"""Answer cells are found whatever surrounds them, and nothing else of a notebook is looked at."""

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


def test_an_endless_source_is_not_taken(tmp_path: Path):
    """An answer is a few lines."""
    assert answer_cells(write(tmp_path / "a.ipynb", cell("1\n" * 20_000, id="choose-pick")), WANTED) == {}
