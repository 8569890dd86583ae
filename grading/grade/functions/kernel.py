"""The kernel of a run in the sandbox: ``ipykernel`` that opens no network socket, and sends no
output.

An ordinary ``ipykernel`` listens on a port of this machine for the output of child processes, even
with ``ipc``. Answers start no child processes. In a sandbox that refuses network sockets, ZeroMQ
would end the kernel because of this port.

The grader does not read the output of cells. A cell that prints for ever would send more than the
run can read in its whole time, and the following cells would be lost with it.
"""

from pathlib import Path

from ipykernel.iostream import IOPubThread, OutStream
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQDisplayPublisher

from grading.grade.functions.names import NOTEBOOK
from labs.course.cells import PANDAS


def _opens_no_port(thread: IOPubThread) -> None:
    """Do as ipykernel does when it could not open the port."""
    thread._pipe_flag = False


def _writes_nothing(stream: OutStream, text: str) -> int:
    """Answer as if the text had been printed."""
    return len(text)


def _shows_nothing(*values: object, **how: object) -> None:
    """Discard a display."""


#: Class and method of ipykernel, and the replacement here.
_INSTEAD = (
    (IOPubThread, "_setup_pipe_in", _opens_no_port),
    (OutStream, "write", _writes_nothing),
    (ZMQDisplayPublisher, "publish", _shows_nothing),
)

if __name__ == "__main__":
    # Where a cell needs it: before that cell's time is counted.
    if PANDAS.search(Path(NOTEBOOK).read_text(encoding="utf-8")):
        import pandas  # noqa: F401
    for owner, method, instead in _INSTEAD:
        setattr(owner, method, instead)
    IPKernelApp.launch_instance()
