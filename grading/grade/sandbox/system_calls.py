"""Run a command whose system calls the kernel filters, in an empty session keyring, with and
without bubblewrap.

``python -I -S system_calls.py command …`` first joins a new session keyring: keys of the grader's
own session stay outside. It then asks the kernel to refuse calls that reach past the sandbox's
walls, for this process and all its children, and becomes the command. A refused call returns an
error, as on a kernel without it, so programs that have an alternative use it. The filter needs no
privileges.

The refused calls, with reasons:

- sockets of every family but AF_UNIX: the network; AF_VSOCK reaches a virtual machine's host
  through every namespace;
- io_uring: opens sockets past a filter of calls;
- keyrings: keys of other processes of the same user or session;
- memfd, System V shared memory, semaphores and message queues: memory that no limit of a process or
  a folder counts;
- new user namespaces: within one, any user may mount a tmpfs, whose files are such memory too.

Source: seccomp(2), keyctl(2), and the kernel's
``include/uapi/linux/{seccomp,filter,audit,sched}.h`` and
``arch/x86/entry/syscalls/syscall_64.tbl``, ``include/uapi/asm-generic/unistd.h``.
"""

import ctypes
import os
import platform
import struct
import sys

#: The kernel's name of an architecture.
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

#: Numbers of calls that are refused whatever their arguments are.
REFUSED = {
    "x86_64": {
        "shmget": 29,
        "shmat": 30,
        "semget": 64,
        "msgget": 68,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "memfd_create": 319,
        "io_uring_setup": 425,
        # Its flags are in memory, where a filter cannot look. glibc then uses clone(2), whose flags
        # the filter checks.
        "clone3": 435,
        "memfd_secret": 447,
    },
    "aarch64": {
        "msgget": 186,
        "semget": 190,
        "shmget": 194,
        "shmat": 196,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "memfd_create": 279,
        "io_uring_setup": 425,
        "clone3": 435,
        "memfd_secret": 447,
    },
}

#: Numbers of calls that are refused by their first argument.
_SOCKET = {"x86_64": 41, "aarch64": 198}
_CLONE = {"x86_64": 56, "aarch64": 220}
_UNSHARE = {"x86_64": 272, "aarch64": 97}

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_KEYCTL_JOIN_SESSION_KEYRING = 1
_AF_UNIX = 1
_CLONE_NEWUSER = 0x10000000

#: x86-64 has a second set of call numbers from here on, which nothing of ours uses.
_X32 = 0x40000000

#: The verdicts of a filter. The lower bits hold an errno.
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97

#: Instructions of the filter's machine: load a word; jump if equal, at least, or with a common bit;
#: return.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06

#: Offsets of a call's number, its architecture, and the lower half of its first argument.
_NUMBER, _ARCHITECTURE, _ARGUMENT = 0, 4, 16


def is_known() -> bool:
    """Return whether this machine's call numbers are listed here."""
    return sys.platform == "linux" and platform.machine() in REFUSED


def leave_keyring() -> None:
    """Join a new and empty session keyring. A kernel without keyrings has nothing to leave."""
    number = REFUSED[platform.machine()]["keyctl"]
    ctypes.CDLL(None, use_errno=True).syscall(number, _KEYCTL_JOIN_SESSION_KEYRING, None)


def filter_calls() -> None:
    """Refuse the calls of this module's table to this process and its children, for ever.

    Raises:
        OSError: The kernel has no such filter.
    """
    steps = _filter(platform.machine())
    instructions = b"".join(struct.pack("=HBBI", *step) for step in steps)
    program = ctypes.create_string_buffer(instructions)
    # struct sock_fprog: a count, padding, and the address of the instructions.
    header = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(program)))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(header))


def _prctl(option: int, *values: int) -> None:
    """Call prctl(2) with an option and up to four values.

    Raises:
        OSError: The kernel refuses it.
    """
    words = [ctypes.c_ulong(value) for value in values]
    words += [ctypes.c_ulong(0)] * (4 - len(words))
    if ctypes.CDLL(None, use_errno=True).prctl(option, *words) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refuses the filter")


def _filter(machine: str) -> list[tuple[int, int, int, int]]:
    """Return the filter's instructions: code, steps to skip if true, steps to skip if false,
    value.
    """
    allow = (_RETURN, 0, 0, _ALLOW)
    is_unknown = (_RETURN, 0, 0, _ERRNO | _ENOSYS)
    own_architecture = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
    ]
    second_set = [(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _X32), is_unknown]
    steps = own_architecture + second_set
    for number in REFUSED[machine].values():
        steps += [(_EQUAL, 0, 1, number), is_unknown]
    new_user_namespace = [
        (_LOAD, 0, 0, _ARGUMENT),
        (_ANY_BIT, 0, 1, _CLONE_NEWUSER),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        allow,
    ]
    for number in (_CLONE[machine], _UNSHARE[machine]):
        steps += [(_EQUAL, 0, 4, number), *new_user_namespace]
    other_family = [
        (_LOAD, 0, 0, _ARGUMENT),
        (_EQUAL, 1, 0, _AF_UNIX),
        (_RETURN, 0, 0, _ERRNO | _EAFNOSUPPORT),
    ]
    return [*steps, (_EQUAL, 0, 3, _SOCKET[machine]), *other_family, allow]


if __name__ == "__main__":
    leave_keyring()
    filter_calls()
    os.execvp(sys.argv[1], sys.argv[1:])
