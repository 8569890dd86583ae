"""The pytest plugin of a run in the sandbox: kernels talk through files, and a file records each
cell's end.

Without a network there is no loopback either, so Jupyter's messages go through sockets in the
folder (``ipc``). The file serves for messages only. The running code could write anything there, so
no point depends on it.
"""

import json
import re
import sys
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from grading.grade.functions.names import ENDINGS

# What jsonschema would load for formats that no notebook has, a grammar among it: a fifth of a run.
# nbval comes later.
for name in ("rfc3987", "rfc3987_syntax", "isoduration", "uri_template", "webcolors"):
    sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_ERROR = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Empty|Warning)\b.*")

KernelManager.transport.default_value = "ipc"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a cell run though the one before it was interrupted: nbval would pass over all that
    follow.
    """
    from nbval.plugin import IPyNbFile

    if isinstance(item.parent, IPyNbFile):
        item.parent.timed_out = False


def pytest_runtest_logreport(report) -> None:
    """Write down how a cell ended."""
    if report.when != "call":
        return
    text = _ANSI.sub("", str(report.longrepr or ""))
    message = _error_in(text)[:200]
    place = report.nodeid.rpartition(" ")[2]
    ending = json.dumps({"ok": report.passed, "message": message})
    Path(ENDINGS.format(place)).write_text(ending, encoding="utf-8")


def _error_in(text: str) -> str:
    """Return the last line that names an error, or otherwise the last line that is not empty."""
    lines = [line.strip() for line in text.splitlines()]
    errors = [line for line in lines if _ERROR.match(line)]
    if errors:
        return errors[-1]
    return next(filter(None, reversed(lines)), "")
