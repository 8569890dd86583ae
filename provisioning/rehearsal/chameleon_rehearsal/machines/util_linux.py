"""Stands in for `setsid` and `flock` on a computer without util-linux, such as a Mac, as far as
set-up calls them.

Run as `python -S -E util_linux.py NAME ARGUMENT…`. Unlike a shim it does what it is asked: jobs
depend on it.
"""

import argparse
import fcntl
import os
import sys
import time

COMMANDS = frozenset({"setsid", "flock"})


def setsid(words: list[str]) -> None:
    """Become a program in a new session; its process id stays."""
    os.setsid()
    os.execvp(words[0], words)


def flock(words: list[str]) -> int:
    """Lock a descriptor that was inherited, or a file for a command's time; return 1 when another
    one holds it.
    """
    parser = argparse.ArgumentParser("flock")
    parser.add_argument("-n", dest="patience_s", action="store_const", const=0.0)
    parser.add_argument("-w", dest="patience_s", type=float)
    parser.add_argument("target")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    parser.set_defaults(patience_s=float("inf"))
    wanted = parser.parse_args(words)
    lock = (
        os.open(wanted.target, os.O_RDWR | os.O_CREAT, 0o666)
        if wanted.command
        else int(wanted.target)
    )
    os.set_inheritable(lock, True)
    end_s = time.monotonic() + wanted.patience_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= end_s:
                return 1
            time.sleep(0.05)
    if wanted.command:
        os.execvp(wanted.command[0], wanted.command)
    return 0


if __name__ == "__main__":
    sys.exit({"setsid": setsid, "flock": flock}[sys.argv[1]](sys.argv[2:]))
