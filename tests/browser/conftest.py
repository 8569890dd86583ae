"""A JupyterLab for a test's own notebooks; skipped with the reason where there is no browser to look at it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import nbformat
import pytest

from .jupyterlab import JupyterLab, chromium
from .notebook import Notebook


@pytest.fixture
def open_cells(tmp_path: Path) -> Iterator[Callable[..., Notebook]]:
    """Return a function that opens a notebook with the given code cells in a real JupyterLab."""
    with opening(tmp_path) as open_:
        yield open_


@contextmanager
def opening(room: Path) -> Iterator[Callable[..., Notebook]]:
    """Yield that function, for notebooks and results below a folder."""
    pytest.importorskip("playwright", reason="playwright is not installed: pip install playwright")
    if chromium() is None:
        pytest.skip("there is no Chromium on this machine: apt install chromium, or set CHROMIUM to one")
    with ExitStack() as stack:

        def open_(*cells: str) -> Notebook:
            folder = room / "notebooks"
            folder.mkdir(exist_ok=True)
            kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
            written = nbformat.v4.new_notebook(
                cells=[nbformat.v4.new_code_cell(source) for source in cells], metadata={"kernelspec": kernel}
            )
            nbformat.write(written, folder / "test.ipynb")
            lab = stack.enter_context(JupyterLab(folder, workspace=room / "workspace"))
            return stack.enter_context(lab.browser()).open("test.ipynb")

        yield open_
