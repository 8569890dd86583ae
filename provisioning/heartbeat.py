"""Show that long work continues: in a line of the terminal, or once a minute in a log.

Set-up uses it before anything is installed, so it needs only Python's own library.
"""

import contextlib
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator

from labs.display.format import duration

#: Seconds between two lines, on a terminal and in other output, such as a log.
TERMINAL_PERIOD_S = 1.0
LOG_PERIOD_S = 60.0

_CLEAR_LINE = "\r\x1b[2K"


@contextlib.contextmanager
def heartbeat(describe: Callable[[], str]) -> Iterator[None]:
    """Print how far the block is, and for how long it has run, until it ends.

    A terminal shows one line, which changes every second. Elsewhere there is a new line each
    minute.

    Args:
        describe: Returns what is being done now, in a few words. It is called in another thread.
    """
    output = sys.stdout
    is_terminal = output.isatty()
    period_s = TERMINAL_PERIOD_S if is_terminal else LOG_PERIOD_S
    begin_s = time.monotonic()
    ended = threading.Event()

    def report() -> None:
        while not ended.wait(period_s):
            elapsed = duration(time.monotonic() - begin_s)
            line = f"{elapsed}  {describe()}"
            if is_terminal:
                width = shutil.get_terminal_size().columns
                output.write(_CLEAR_LINE + line[: width - 1])
            else:
                output.write(f"{line}\n")
            output.flush()

    thread = threading.Thread(target=report, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if is_terminal:
            output.write(_CLEAR_LINE)
            output.flush()
