"""Stands in for a command that a rehearsed node must not run, such as `docker`: says so and writes it down.

Run as `python -S -E shim.py NAME ARGUMENT…` by the small scripts that `scratch` puts first on a node's PATH. It
exits 0, because a set-up script that stops at its first `docker` would rehearse nothing after it; its line of
output is there so that nobody takes the command for done.
"""

import json
import os
import shlex
import sys
import time
from pathlib import Path

#: Commands that need root, a GPU, systemd or Docker. They are recorded, never run.
COMMANDS = (
    "apt",
    "apt-get",
    "add-apt-repository",
    "cc-snapshot",
    "chown",
    "dnf",
    "docker",
    "docker-compose",
    "dpkg",
    "firewall-cmd",
    "iptables",
    "journalctl",
    "lspci",
    "mkfs.ext4",
    "modprobe",
    "mount",
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
    "snap",
    "sudo",
    "su",
    "sysctl",
    "systemctl",
    "ufw",
    "umount",
    "update-initramfs",
    "usermod",
    "yum",
)


def main() -> int:
    """Print `rehearsed, not run: COMMAND`, add it to the journal, and return 0."""
    command = shlex.join(sys.argv[1:])
    print(f"rehearsed, not run: {command}", flush=True)
    journal = os.environ.get("REHEARSAL_JOURNAL")
    if journal:
        line = {
            "at_s": time.time(),
            "event": "rehearsed, not run",
            "machine": os.environ.get("REHEARSAL_MACHINE", ""),
            "command": command,
        }
        with Path(journal).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
