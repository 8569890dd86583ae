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

if __name__ == "__main__":
    # With pandas, which takes seconds on a busy processor: before a cell's time is counted.
    names()
    for owner, name, instead in (
        # As ipykernel does when it could not open the port; as if a text had been printed; and shown to nobody.
        (IOPubThread, "_setup_pipe_in", lambda thread: setattr(thread, "_pipe_flag", False)),
        (OutStream, "write", lambda stream, text: len(text)),
        (ZMQDisplayPublisher, "publish", lambda *values, **how: None),
    ):
        setattr(owner, name, instead)
    IPKernelApp.launch_instance()
