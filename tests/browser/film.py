"""README's moving picture: the first lesson in JupyterLab, with a prediction, a measurement and the
surprise. Each frame is a screenshot of a cell that has just run; nothing is drawn into it.
"""

import io
import tempfile
from pathlib import Path

import nbformat
from PIL import Image

from grading.builder.notebook import build
from grading.builder.sources import sources
from tests.browser.jupyterlab import JupyterLab, Notebook

#: The lesson, and what somebody types who expects the model to be what takes time.
LESSON = "start"
GUESSES = {"the model in ms": "300", "the link, there and back in ms": "100"}

#: Texts of the code cells that are shown, with the seconds for which each is: what is predicted,
#: what is measured, and both side by side.
_PREDICTS = 'predict("start.wait"'
_MEASURES = '"start.photo"'
_SHOWN_S = {_PREDICTS: 3.0, _MEASURES: 5.0, 'wait["you predicted"]': 8.0}
_TYPING_S = 1.5

_SCROLL = "(cell, block) => cell.scrollIntoView({block})"


class Reel:
    """Frames of a film."""

    def __init__(self) -> None:
        """Begin without a frame."""
        self._frames: list[Image.Image] = []
        self._durations_ms: list[int] = []

    @property
    def seconds(self) -> float:
        """How long the film is."""
        return sum(self._durations_ms) / 1000

    def take(self, notebook: Notebook, cell: int, seconds: float, block: str = "start") -> None:
        """Add what a notebook shows from a cell on, counted from 0; or up to its 'end'."""
        notebook.settle()
        notebook.page.locator(".jp-Cell").nth(cell).evaluate(_SCROLL, block)
        notebook.settle()
        picture = notebook.page.locator(".jp-NotebookPanel-notebook").screenshot()
        self._frames.append(Image.open(io.BytesIO(picture)).convert("RGB"))
        self._durations_ms.append(round(1000 * seconds))

    def save(self, path: Path) -> None:
        """Write an animated WebP that begins again at its end."""
        first, *others = self._frames
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=self._durations_ms,
            loop=0,
            quality=80,
            method=6,
        )


def film(theme: str, path: Path) -> dict[str, object]:
    """Write the film, and return what it shows.

    Args:
        theme: JupyterLab's: 'Light' or 'Dark'.
        path: Receives an animated WebP.
    """
    lesson = next(source for source in sources() if source.id == LESSON)
    handed_in = build(lesson, solved=True)
    codes = {
        place: cell.source for place, cell in enumerate(handed_in.cells) if cell.cell_type == "code"
    }
    last = max(place for place, code in codes.items() if any(text in code for text in _SHOWN_S))
    reel = Reel()
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(handed_in, Path(folder, "lesson.ipynb"))
        lab = JupyterLab(folder)
        with lab, lab.window(width=1000, height=560) as page:
            notebook = lab.open(page, "lesson.ipynb")
            notebook.use_theme(theme)
            for place, code in codes.items():
                if place > last:
                    break
                notebook.run_cell(place)
                for text, seconds in _SHOWN_S.items():
                    if text in code:
                        # The measured table is below its code. Above the last cell is a solution.
                        block = "end" if text == _MEASURES else "start"
                        reel.take(notebook, place, seconds, block)
                if _PREDICTS in code:
                    _predict(notebook, place, reel)
    reel.save(path)
    return {"lesson": LESSON, "guesses": GUESSES, "seconds": reel.seconds}


def _predict(notebook: Notebook, place: int, reel: Reel) -> None:
    """Type the guesses and lock them in."""
    for label, guess in GUESSES.items():
        notebook.page.get_by_label(label).fill(guess)
        reel.take(notebook, place, _TYPING_S)
    notebook.page.keyboard.press("Tab")
    notebook.page.keyboard.press("Enter")
    notebook.page.wait_for_selector("text=Noted.")
    reel.take(notebook, place, _TYPING_S)
