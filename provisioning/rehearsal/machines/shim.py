"""Stands in for a command that a rehearsed machine must not run, such as `docker`: says so and writes it down.

Run as `python -S -E shim.py NAME ARGUMENT…` by the small scripts that `scratch` puts on a machine's PATH. It exits 0,
because a set-up script that stops at its first `docker` would rehearse nothing after it; its line of output is there so
that nobody takes the command for done. What apt is told to install is there from then on, as a shim.
"""

import os
import shlex
import sys
from pathlib import Path

#: Commands that would change or describe this computer, and not the machine. They are recorded, never run; whatever
#: else needs root is called through `sudo`.
COMMANDS = frozenset(
    "apt apt-get apt-mark cc-snapshot chgrp chown conda dmesg docker docker-compose firewall-cmd groupadd hostnamectl "
    "journalctl ldconfig loginctl lsmod lspci mamba modprobe mount nvidia-ctk nvidia-smi openstack pip podman poweroff "
    "reboot rocm-smi rocminfo service shutdown su sudo systemctl timedatectl udevadm umount useradd usermod".split()
)
#: What a script that is piped into a root's shell is for, as in the older labs: Docker's own.
_PIPED = ("docker.io",)


def make(folder: Path, name: str, *program: str) -> None:
    """Make a command that runs a program of this computer, or, when none is given, says that it was not run."""
    words = program or (sys.executable, "-S", "-E", __file__, name)
    script = folder / name
    script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    script.chmod(0o755)


def installed(words: list[str]) -> tuple[str, ...]:
    """Return the packages that a command line, of apt or through sudo, installs."""
    if words in (["sudo", "sh"], ["sudo", "bash"]):
        return _PIPED
    if "install" not in words or not {"apt", "apt-get"}.intersection(
        words[: words.index("install")]
    ):
        return ()
    return tuple(word for word in words[words.index("install") + 1 :] if not word.startswith("-"))


def main() -> int:
    """Print `rehearsed, not run: COMMAND`, add it to the journal, and return 0."""
    said = f"rehearsed, not run: {shlex.join(sys.argv[1:])}"
    print(said, flush=True)
    journal = os.environ.get("REHEARSAL_JOURNAL")
    if journal:
        with Path(journal).open("a", encoding="utf-8") as file:
            file.write(f"{os.environ['REHEARSAL_MACHINE']}: {said}\n")
    packages, folder = installed(sys.argv[1:]), os.environ.get("REHEARSAL_COMMANDS")
    if packages and folder:
        # Only now, and from this checkout: the command itself starts in milliseconds.
        sys.path.insert(0, str(Path(__file__).parents[3]))
        from provisioning.sites.images import brought

        for name in (name for package in packages for name in brought(package)):
            if not (Path(folder) / name).exists():
                make(Path(folder), name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
