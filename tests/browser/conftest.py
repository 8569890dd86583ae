"""A JupyterLab for a test's own notebooks; skipped with the reason where there is no browser to
look at it with.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import nbformat
import pytest

from tests.browser.jupyterlab import JupyterLab, Notebook, require_browser


def write_cells(path: Path, sources: Iterable[str]) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


@pytest.fixture
def open_cells(tmp_path: Path) -> Iterator[Callable[..., Notebook]]:
    """Return a function that opens a notebook with the given code cells in a real JupyterLab."""
    require_browser()
    folder = tmp_path / "notebooks"
    folder.mkdir()
    with ExitStack() as stack:

        def open_(*cells: str) -> Notebook:
            write_cells(folder / "test.ipynb", cells)
            lab = stack.enter_context(JupyterLab(folder, workspace=tmp_path / "workspace"))
            return lab.open(stack.enter_context(lab.window()), "test.ipynb")

        yield open_
