"""Run one notebook in its own kernel, and report failures with their cause."""

import math
import re
import time
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbclient.util import run_sync
from nbformat import NotebookNode

from labs.course.lessons import LessonError
from labs.machine.busy import slowdown

#: A cell that takes longer than this on an idle machine hangs; the slowest honest one compiles and
#: measures a model.
CELL_TIMEOUT_S = 600

#: How often the kernel's replies are looked for. nbclient 0.11 waits for one reply in a single long
#: call, and a message of an Output widget on the same socket can make that call miss it until the
#: timeout (jupyter/nbclient#312).
_POLL_S = 0.25

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class LessonFailedError(LessonError):
    """A lesson's notebook did not run to its end; the message shows the cell, its output and the
    reason of the failure.
    """


class PollingClient(NotebookClient):
    """nbclient's client, looking for replies again and again instead of once.

    Its timeout counts seconds of an idle machine: where three processes wait for each processor,
    three seconds are one.
    """

    async def async_start_new_kernel_client(self):
        """Return the kernel's client after its shell channel was made to poll."""
        client = await super().async_start_new_kernel_client()
        get_once = client.shell_channel.get_msg

        async def get_in_slices(timeout: float | None = None):
            from queue import Empty

            left_s = math.inf if timeout is None else timeout
            while True:
                begin_s = time.monotonic()
                try:
                    return await get_once(timeout=min(_POLL_S, left_s))
                except Empty:
                    idle_s = (time.monotonic() - begin_s) / slowdown()
                    left_s = max(0.0, left_s - idle_s)
                    if not left_s:
                        raise

        client.shell_channel.get_msg = get_in_slices
        return client

    start_new_kernel_client = run_sync(async_start_new_kernel_client)


def execute(
    notebook: NotebookNode, *, folder: Path, name: str, cell_timeout_s: float = CELL_TIMEOUT_S
) -> NotebookNode:
    """Run a notebook from top to bottom, with its kernel in a folder, and return it with its
    outputs.

    Raises:
        LessonFailedError: A cell raised or hung, or the kernel died.
    """
    begun: list[int] = []

    def started(cell: NotebookNode, cell_index: int) -> None:
        begun.append(cell_index)

    client = PollingClient(
        notebook,
        timeout=cell_timeout_s,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        # A kernel's own messages (about its transport, for example) would interrupt the progress
        # line.
        extra_arguments=["--log-level=ERROR"],
        on_cell_start=started,
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError) as error:
        place = begun[-1]
        raise LessonFailedError(_explain(name, notebook.cells[place], place, error)) from error
    except (RuntimeError, AssertionError, AttributeError) as error:
        # nbclient raises a RuntimeError when the kernel dies. Its handler of SIGTERM and SIGINT
        # ends the kernel; its clean-up then asserts that there is one, or fails at None.
        if isinstance(error, AttributeError) and client.km is not None:
            raise
        raise LessonFailedError(_explain_death(name, notebook, begun)) from error
    return notebook


def _explain(name: str, cell: NotebookNode, index: int, error: Exception) -> str:
    where = f"{name}, cell {index + 1} (id {cell.id})"
    if isinstance(error, CellExecutionError):
        raised = _ANSI.sub("", f"{error.ename}: {error.evalue}")
        # nbclient's own text contains the cell, its output, and the traceback.
        text = _ANSI.sub("", str(error))
        return f"{where} raised {raised}\n\n{text}"
    return f"{where} did not finish in time\n\n{cell.source}"


def _explain_death(name: str, notebook: NotebookNode, begun: list[int]) -> str:
    where = "before its first cell"
    if begun:
        place = begun[-1]
        where = f"in cell {place + 1} (id {notebook.cells[place].id})"
    return (
        f"{name}: its kernel was killed {where}. Likely: memory ran out, or somebody stopped the "
        "rehearsal. Fix: close other programs, and rehearse this lesson alone, with --lesson."
    )
