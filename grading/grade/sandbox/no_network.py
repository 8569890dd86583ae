"""Run a command that can open no network socket, where the host allows no network namespace (most containers).

``python -I -S no_network.py command …`` asks the kernel to refuse every socket but those between processes of this
machine, for this process and all that come from it, and then becomes the command. It needs no privileges; a process
that may not gain any (``setpriv --no-new-privs``) may always give something up.

Source: seccomp(2) and the kernel's ``include/uapi/linux/{seccomp,filter,audit}.h``.
"""

import ctypes
import os
import platform
import struct
import sys

#: By machine: how the kernel names the architecture, and the number of its call ``socket``.
_KNOWN = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_AF_UNIX = 1

#: Another way to open sockets; the same number on both machines.
_IO_URING_SETUP = 425

#: x86-64 has a second set of call numbers from here on, which nothing of ours uses.
_X32 = 0x40000000

_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE_FAMILY, _REFUSE_UNKNOWN = 0x00050000 | 97, 0x00050000 | 38  # EAFNOSUPPORT, ENOSYS

#: Instructions of the filter's machine: load a word, jump if equal, jump if greater or equal, return.
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06

#: Where the kernel puts what is being called: number, architecture, first argument.
_NUMBER, _ARCHITECTURE, _ARGUMENT = 0, 4, 16


def is_known() -> bool:
    """Return whether this machine's call numbers are known here."""
    return sys.platform == "linux" and platform.machine() in _KNOWN


def refuse_sockets() -> None:
    """Refuse network sockets to this process and its children, for ever.

    Raises:
        OSError: The kernel has no such filter.
    """
    architecture, socket = _KNOWN[platform.machine()]
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _REFUSE_UNKNOWN),
        (_EQUAL, 0, 1, _IO_URING_SETUP),
        (_RETURN, 0, 0, _REFUSE_UNKNOWN),
        (_EQUAL, 0, 3, socket),
        (_LOAD, 0, 0, _ARGUMENT),
        (_EQUAL, 1, 0, _AF_UNIX),
        (_RETURN, 0, 0, _REFUSE_FAMILY),
        (_RETURN, 0, 0, _ALLOW),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    # struct sock_fprog: a count, padding, and where the instructions lie.
    header = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    for arguments in (
        (_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero),
        (_PR_SET_SECCOMP, ctypes.c_ulong(_MODE_FILTER), ctypes.c_ulong(ctypes.addressof(header)), zero, zero),
    ):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "the kernel refuses the filter")


if __name__ == "__main__":
    refuse_sockets()
    os.execvp(sys.argv[1], sys.argv[1:])
