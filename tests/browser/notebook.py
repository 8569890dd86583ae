"""A notebook that is open in JupyterLab: run its cells, wait for them, press what they show, take its picture."""

from __future__ import annotations

import time
from pathlib import Path


class Notebook:
    """The one notebook on a page."""

    def __init__(self, page: object) -> None:
        """Keep the playwright page that shows it."""
        self.page = page

    def run_all(self, *, wait_s: float | None = 120) -> None:
        """Run all cells.

        Args:
            wait_s: Seconds until they must have run; None returns while they run.
        """
        self.command("notebook:run-all-cells")
        if wait_s is not None:
            self.wait_idle(wait_s)

    def command(self, name: str, **arguments: object) -> None:
        """Start one of JupyterLab's commands; ``wait_idle`` also waits for its end.

        The command and not its menu entry: on a busy machine a menu may close under the pointer.
        """
        self.page.evaluate(
            """([name, given]) => { const end = () => { window.commandsRunning -= 1; };
                 window.commandsRunning = (window.commandsRunning || 0) + 1;
                 window.jupyterapp.commands.execute(name, given).then(end, end); }""",
            [name, arguments],
        )

    def run_cell(self, cell: int, *, wait_s: float = 120) -> None:
        """Run one cell and wait for it; ``cell`` counts all cells from 0."""
        self.page.locator(".jp-Cell").nth(cell).locator(".jp-InputPrompt").click()
        self.command("notebook:run-cell")
        self.wait_idle(wait_s)

    def wait_idle(self, wait_s: float = 120) -> None:
        """Return when the kernel is idle and no cell waits for it.

        Raises:
            TimeoutError: It is still busy; the message says which cells are waiting.
        """
        give_up_s = time.monotonic() + wait_s
        idle = ".jp-NotebookPanel-toolbar .jp-Notebook-ExecutionIndicator[data-status='idle']"
        while time.monotonic() < give_up_s:
            ended = not self.page.evaluate("window.commandsRunning || 0")
            if ended and self.page.locator(idle).count() and not self.waiting_cells():
                return
            self.page.wait_for_timeout(100)
        raise TimeoutError(f"the notebook is still busy after {wait_s:.0f} s; waiting cells: {self.waiting_cells()}")

    def settle(self) -> None:
        """Return when the kernel has heard everything that was pressed so far, and what it answered is drawn.

        An empty request queues up behind the widgets' own messages. It takes two: while one of a widget's messages is
        on its way, the browser holds back the next.
        """
        kernel = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        for _ in range(2):
            self.page.evaluate(f"() => {kernel}.requestExecute({{code: 'pass', silent: true}}).done.then(() => null)")
        self.wait_idle()

    def waiting_cells(self) -> list[int]:
        """Return the numbers of the code cells that run or are queued."""
        prompts = self.page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
        return [index for index, prompt in enumerate(prompts) if "*" in prompt]

    def use_dark_theme(self) -> None:
        """Switch JupyterLab to its dark theme."""
        self.command("apputils:change-theme", theme="JupyterLab Dark")
        self.page.wait_for_selector('body[data-jp-theme-light="false"]', state="attached")

    def interrupt(self) -> None:
        """Press the toolbar's stop button."""
        self.page.click(".jp-NotebookPanel-toolbar [data-jp-item-name='interrupt'] jp-button")

    def output_text(self, cell: int) -> str:
        """Return everything that a cell shows, as text; ``cell`` counts all cells from 0."""
        return self.page.locator(".jp-Cell").nth(cell).locator(".jp-Cell-outputWrapper").inner_text()

    def screenshot(self, path: str | Path, *, cell: int | None = None) -> Path:
        """Save a PNG of the window, or of one cell, and return its path."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        target = self.page if cell is None else self.page.locator(".jp-Cell").nth(cell)
        target.screenshot(path=str(path))
        return Path(path)

    def save(self) -> None:
        """Save the notebook, outputs included, to its file."""
        self.command("docmanager:save")
        self.wait_idle()
