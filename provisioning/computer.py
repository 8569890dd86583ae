"""Which computers and Pythons the pinned packages have wheels for; set-up asks before it downloads
anything.

``python3 -m provisioning.computer`` prints the path of a Python that fits, and exits with 1 if
set-up cannot start with it.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable
from typing import NamedTuple

#: Versions of Python for which every pinned package has a wheel: the first, and the first that is
#: too new.
_FIRST, _TOO_NEW = (3, 11, 2), (3, 15)
#: On macOS, gevent has no wheel for Python 3.11.
_FIRST_ON_MACOS = (3, 12)
#: The oldest glibc for which every pinned package has a wheel, by processor, and the package that
#: needs it.
_GLIBC = {"x86_64": ((2, 28), "PyTorch"), "aarch64": ((2, 35), "OpenVINO")}
_OLDEST_MACOS = 14
_ELSEWHERE = "Or take a Codespace or another computer."


class Computer(NamedTuple):
    """The facts that decide whether the pinned packages have wheels for a computer."""

    #: As Python's ``platform`` names them, such as "Linux" and "x86_64".
    system: str
    processor: str
    #: Version of macOS, or of glibc; empty for another C library.
    version: tuple[int, ...]
    python: tuple[int, int, int]

    @classmethod
    def here(cls) -> Computer:
        """Return the computer and the Python that run this."""
        system = platform.system()
        version = platform.mac_ver()[0] if system == "Darwin" else _glibc()
        numbers = tuple(int(number) for number in re.findall(r"\d+", version))
        return cls(system, platform.machine(), numbers, sys.version_info[:3])

    def unsupported(self) -> str:
        """Return why the pinned packages have no wheels for this computer, with the fix; empty if
        they have.
        """
        if self.system == "Darwin":
            return self._unsupported_macos()
        if self.system != "Linux":
            return (
                f"The course runs on Linux and macOS, and this is {self.system}. On Windows, run "
                "it in WSL."
            )
        if self.processor not in _GLIBC:
            return (
                f"This Python is for {self.processor}, and PyTorch has wheels for x86_64 and "
                "aarch64 only. On a 64-bit computer with a 32-bit system, install the 64-bit "
                f"system. {_ELSEWHERE}"
            )
        oldest, package = _GLIBC[self.processor]
        if not self.version:
            return (
                f"This Linux has another C library than glibc, and {package} has no wheel for it: "
                f"use Ubuntu, Debian or Fedora, for example in a container. {_ELSEWHERE}"
            )
        if self.version < oldest:
            return (
                f"This Linux has glibc {dotted(self.version)}, and {package} needs "
                f"{dotted(oldest)} on {self.processor}: use Ubuntu 22.04, Debian 12 or newer, "
                f"for example in a container. {_ELSEWHERE}"
            )
        return ""

    def _unsupported_macos(self) -> str:
        if self.processor != "arm64":
            return (
                "This Python is for a Mac with an Intel processor, and numba has no wheel for "
                "it. On a Mac with Apple silicon, install a Python for arm64: brew install "
                f"python@3.13. {_ELSEWHERE}"
            )
        if self.version < (_OLDEST_MACOS,):
            return (
                f"This is macOS {dotted(self.version)}, and ONNX Runtime needs macOS "
                f"{_OLDEST_MACOS}: update macOS. {_ELSEWHERE}"
            )
        return ""

    def wrong_python(self) -> str:
        """Return why the pinned packages cannot be installed for this Python; empty if they can."""
        first = _FIRST_ON_MACOS if self.system == "Darwin" else _FIRST
        if first <= self.python < _TOO_NEW:
            return ""
        newest = (_TOO_NEW[0], _TOO_NEW[1] - 1)
        return (
            f"is Python {dotted(self.python)}, and the pinned packages need {dotted(first)} to "
            f"{dotted(newest)}"
        )


def dotted(version: Iterable[int]) -> str:
    return ".".join(map(str, version))


def _glibc() -> str:
    """Return what the C library calls itself, such as "glibc 2.36"; empty if it is not glibc."""
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):  # musl does not know the name
        return ""
    return name if name.startswith("glibc") else ""


def makes_environments() -> bool:
    """Return whether this Python has ensurepip, which Debian and Ubuntu leave out."""
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        return False
    return True


def fits() -> bool:
    """Return whether this Python can run set-up. Print its path if the packages support its
    version.
    """
    if Computer.here().wrong_python():
        return False
    print(sys.executable)
    return makes_environments()


if __name__ == "__main__":
    sys.exit(not fits())
