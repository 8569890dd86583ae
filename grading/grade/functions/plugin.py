"""The pytest plugin of a run in the sandbox: kernels talk through files, and each cell's end is told in a file.

Without a network there is no loopback either, so Jupyter's messages go through sockets in the folder (``ipc``). What is
told is for messages only: the code that runs could tell anything, and no point rests on it.
"""

import json
import re
import sys
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from grading.grade.functions.names import TOLD

# What jsonschema would load for formats that no notebook has, a grammar among it: a fifth of a run. nbval comes later.
for name in ("rfc3987", "rfc3987_syntax", "isoduration", "uri_template", "webcolors"):
    sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_ERROR = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Empty|Warning)\b.*")

KernelManager.transport.default_value = "ipc"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a cell run though the one before it was interrupted: nbval would pass over all that follow."""
    from nbval.plugin import IPyNbFile

    if isinstance(item.parent, IPyNbFile):
        item.parent.timed_out = False


def pytest_runtest_logreport(report) -> None:
    """Write down how a cell ended."""
    if report.when != "call":
        return
    lines = [line.strip() for line in _ANSI.sub("", str(report.longrepr or "")).splitlines()]
    errors = [line for line in lines if _ERROR.match(line)]
    said = errors[-1] if errors else next((line for line in reversed(lines) if line), "")
    path = Path(TOLD.format(report.nodeid.rpartition(" ")[2]))
    path.write_text(json.dumps({"ok": report.passed, "said": said[:200]}), encoding="utf-8")
