"""What a sandboxed command may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of one command and of everything that it starts."""

    #: Seconds of wall time; everything is killed after them.
    wall_s: float = 60
    #: Seconds of processor time of each process.
    cpu_s: int = 60
    #: Address space of each process in bytes. ONNX Runtime reserves more than it uses.
    memory_bytes: int = 1 << 30
    #: Largest file that may be written, in bytes.
    file_bytes: int = 32 << 20
    #: Processes and threads at once.
    processes: int = 96
    #: Open files of each process.
    open_files: int = 256
    #: Bytes of standard output, and of standard error, that are kept; the rest is read and thrown away.
    output_bytes: int = 1 << 20

    def prlimit(self) -> list[str]:
        """Return the limits as arguments of prlimit(1)."""
        return [
            f"--cpu={self.cpu_s}:{self.cpu_s + 2}",
            f"--as={self.memory_bytes}",
            f"--fsize={self.file_bytes}",
            f"--nproc={self.processes}",
            f"--nofile={self.open_files}",
            "--core=0",
        ]

    def resources(self) -> dict[str, tuple[int, int]]:
        """Return the same limits, soft and hard, by the names of Python's ``resource``."""
        same = {
            "RLIMIT_AS": self.memory_bytes,
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_CORE": 0,
        }
        return {"RLIMIT_CPU": (self.cpu_s, self.cpu_s + 2), **{name: (most, most) for name, most in same.items()}}


#: What a command gets unless its caller knows better.
DEFAULT_LIMITS = Limits()
