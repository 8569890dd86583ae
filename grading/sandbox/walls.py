"""The sandbox's walls around a process that was forked and not started: what ``unshare``, ``prlimit``, ``setpriv`` and
``env -i`` do for a command, in the same order. The commands of ``mounts`` are run as they are.

A test compares both kinds of walls from inside, line by line (``tests/grading/sandbox/test_warm.py``).

Source: unshare(2), mount(2), prctl(2), capabilities(7), and what util-linux 2.41's unshare(1) and setpriv(1) call.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

#: Namespaces by unshare's arguments; all of them have to be there, or a command is started in the usual way.
NAMESPACES = {"--mount": 0x00020000, "--ipc": 0x08000000, "--pid": 0x20000000, "--net": 0x40000000}

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 2, 4, 8, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_CAPABILITIES_VERSION = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def leave_namespaces() -> None:
    """Leave the host's namespaces; the process namespace begins with the next child."""
    _done(_libc.unshare(ctypes.c_int(sum(NAMESPACES.values()))))
    _done(_libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None))


def build(view: str, folder: str, limits: Mapping[str, Sequence[int]], user: int, variables: Mapping[str, str]) -> None:
    """Build the other walls, as root and the first process of a namespace, and come out with no privilege left.

    Args:
        view: Shell commands of ``mounts.script``.
        folder: The working folder.
        limits: Soft and hard limit by the name of a resource, such as ``{"RLIMIT_AS": (1 << 30, 1 << 30)}``.
        user: Number of the user to become.
        variables: The whole environment.

    Raises:
        OSError: A wall could not be built; nothing submitted may be opened then.
    """
    _done(_libc.mount(b"none", b"/proc", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None))
    flags = ctypes.c_ulong(_MS_NOSUID | _MS_NOEXEC | _MS_NODEV)
    _done(_libc.mount(b"proc", b"/proc", b"proc", flags, None))
    if subprocess.run(["/bin/sh", "-c", view or ":"], cwd=folder, check=False).returncode:
        raise OSError("the view of the files could not be built")
    # Again: this process's folder may lie on what was mounted over.
    os.chdir(folder)
    with contextlib.suppress(OSError):  # as for a command: a host may not have it
        Path("/proc/self/oom_score_adj").write_text("900")
    for name, bounds in limits.items():
        resource.setrlimit(getattr(resource, name), tuple(bounds))
    _give_up_privileges(user)
    os.environ.clear()
    os.environ.update(variables)
    # The last of all: the kernel forgets it when a process becomes another user.
    _control(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _give_up_privileges(user: int) -> None:
    _control(_PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1):
        _control(_PR_CAPBSET_DROP, capability)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITIES_VERSION, 0))
    _done(_libc.capset(header, ctypes.create_string_buffer(bytes(24))))


def _control(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    _done(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero))


def _done(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
