"""Stands in for a command that a rehearsed node must not run, such as `docker`: says so and writes it down.

Run as `python -S -E shim.py NAME ARGUMENT…` by the small scripts that `scratch` puts first on a node's PATH. It
exits 0, because a set-up script that stops at its first `docker` would rehearse nothing after it; its line of
output is there so that nobody takes the command for done.
"""

import os
import shlex
import sys
from pathlib import Path

#: Commands that would change or describe this computer, and not the node. They are recorded, never run; whatever else
#: needs root is called through `sudo`.
COMMANDS = (
    "apt",
    "apt-get",
    "cc-snapshot",
    "chown",
    "docker",
    "docker-compose",
    "journalctl",
    "lspci",
    "nvcc",
    "nvidia-ctk",
    "nvidia-smi",
    "podman",
    "poweroff",
    "reboot",
    "rocm-smi",
    "rocminfo",
    "service",
    "shutdown",
    "sudo",
    "su",
    "systemctl",
)


def main() -> int:
    """Print `rehearsed, not run: COMMAND`, add it to the journal, and return 0."""
    said = f"rehearsed, not run: {shlex.join(sys.argv[1:])}"
    print(said, flush=True)
    journal = os.environ.get("REHEARSAL_JOURNAL")
    if journal:
        with Path(journal).open("a", encoding="utf-8") as file:
            file.write(f"{os.environ['REHEARSAL_MACHINE']}: {said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
