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
    #: Memory of all its processes together, in bytes.
    together_bytes: int = 2 << 30
    #: Largest file that may be written, in bytes.
    file_bytes: int = 32 << 20
    #: All files in its folder together, in bytes.
    folder_bytes: int = 256 << 20
    #: Processes and threads at once.
    processes: int = 96
    #: Open files of each process.
    open_files: int = 256
    #: Bytes of standard output, and of standard error, that are kept.
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


#: What a command gets unless its caller knows better.
DEFAULT_LIMITS = Limits()
