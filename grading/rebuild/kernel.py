"""The kernel of a run in the sandbox: ``ipykernel`` without the one network socket that it opens even for ``ipc``.

It listens on a port of this machine for what child processes print. An answer starts none, and where the sandbox
refuses network sockets, ZeroMQ would end the kernel for it.
"""

from __future__ import annotations

from ipykernel.iostream import IOPubThread
from ipykernel.kernelapp import IPKernelApp


def without_port(thread: IOPubThread) -> None:
    """Do what ipykernel does when it could not open the port."""
    thread._pipe_flag = False


if __name__ == "__main__":
    IOPubThread._setup_pipe_in = without_port
    IPKernelApp.launch_instance()
