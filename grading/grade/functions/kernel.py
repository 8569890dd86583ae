"""The kernel of a run in the sandbox: ``ipykernel`` that opens no network socket, and sends no output.

It listens on a port of this machine for what child processes print, even for ``ipc``. An answer starts none, and where
the sandbox refuses network sockets, ZeroMQ would end the kernel for it.

Nobody reads what cells print or display. A cell that prints for ever would send more in its time than the run could
read in all of its own, and take the cells behind it along.
"""

from ipykernel.iostream import IOPubThread, OutStream
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQDisplayPublisher

from labs.course.cells import names


def without_port(thread: IOPubThread) -> None:
    """Do what ipykernel does when it could not open the port."""
    thread._pipe_flag = False


def unsent(stream: OutStream, text: str) -> int:
    """Take a text as if it had been printed."""
    return len(text)


def unshown(publisher: ZMQDisplayPublisher, *values: object, **how: object) -> None:
    """Take what a cell displays, and show it to nobody."""


if __name__ == "__main__":
    # With pandas, which takes seconds on a busy processor: before a cell's time is counted.
    names()
    for owner, name, instead in (
        (IOPubThread, "_setup_pipe_in", without_port),
        (OutStream, "write", unsent),
        (ZMQDisplayPublisher, "publish", unshown),
    ):
        setattr(owner, name, instead)
    IPKernelApp.launch_instance()
