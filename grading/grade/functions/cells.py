"""The answer cells of a submitted notebook, whatever the file is."""

from __future__ import annotations

import json
from pathlib import Path

from grading.grade.intake.sources import encoding_of

#: Cells that are looked at, and the longest source that is run again.
_MOST_CELLS = 2_000
_MOST_CHARACTERS = 20_000


def answer_cells(path: Path, wanted: set[str]) -> dict[str, str]:
    """Return the sources of answer cells by question; nothing for a file that is no notebook.

    A cell is known by its id, or by the question in its metadata where an editor has given it a new id. The first one
    counts.

    Args:
        path: A file that was taken in; at most the intake's cap.
        wanted: Questions.
    """
    by_cell_id = {name.replace(".", "-"): name for name in wanted}
    found: dict[str, str] = {}
    for cell in _code_cells(path):
        metadata = cell.get("metadata")
        marked = metadata.get("question") if isinstance(metadata, dict) else None
        name = by_cell_id.get(str(cell.get("id"))) or (marked if isinstance(marked, str) and marked in wanted else None)
        source = cell.get("source")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if name and name not in found and isinstance(source, str) and len(source) <= _MOST_CHARACTERS:
            found[name] = source
    return found


def _code_cells(path: Path) -> list[dict]:
    """Return the code cells of a notebook of format 4; nothing where it is not one."""
    cells = _notebook(path).get("cells")
    if not isinstance(cells, list):
        return []
    return [cell for cell in cells[:_MOST_CELLS] if isinstance(cell, dict) and cell.get("cell_type") == "code"]


def _notebook(path: Path) -> dict:
    try:
        text = path.read_text(encoding=encoding_of(path))
        # Outputs of honest notebooks may hold NaN, which is no evidence here: only sources are read.
        notebook = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return {}
    return notebook if isinstance(notebook, dict) else {}
