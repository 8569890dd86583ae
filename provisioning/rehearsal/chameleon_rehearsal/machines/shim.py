"""Replaces a command that a rehearsed machine must not run, such as `docker`: prints a message and
records the call.

Run as `python -S -E shim.py NAME ARGUMENT…` by the small scripts that `scratch` puts on a machine's
PATH. It exits 0, because otherwise a set-up script would stop at its first `docker`, and the rest
would not be rehearsed. Its line of output shows that the command was not run. A package that apt
installs exists from then on, as a shim.
"""

import json
import os
import shlex
import sys
from fnmatch import fnmatchcase
from pathlib import Path

#: Commands that would change or describe this computer, and not the machine. They are recorded,
#: never run; whatever else needs root is called through `sudo`.
COMMANDS = {
    "apt",
    "apt-get",
    "apt-mark",
    "cc-snapshot",
    "chgrp",
    "chown",
    "conda",
    "dmesg",
    "docker",
    "docker-compose",
    "firewall-cmd",
    "groupadd",
    "hostnamectl",
    "journalctl",
    "ldconfig",
    "loginctl",
    "lsmod",
    "lspci",
    "mamba",
    "modprobe",
    "mount",
    "newgrp",
    "nvidia-ctk",
    "nvidia-smi",
    "openstack",
    "pip",
    "podman",
    "poweroff",
    "reboot",
    "rocm-smi",
    "rocminfo",
    "service",
    "sg",
    "shutdown",
    "su",
    "sudo",
    "systemctl",
    "timedatectl",
    "udevadm",
    "umount",
    "useradd",
    "usermod",
}
#: File in a machine's folder of commands: a reboot was requested.
REBOOT = ".reboot"
#: Packages that a script piped into a root shell installs, as in the older labs: Docker's own.
_PIPED = ("docker.io",)


def make(folder: Path, name: str, *program: str) -> None:
    """Make a command that runs a program of this computer; without a program, it prints that it was
    not run.
    """
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
    line = f"rehearsed, not run: {shlex.join(sys.argv[1:])}"
    print(line, flush=True)
    journal = os.environ.get("REHEARSAL_JOURNAL")
    if journal:
        with Path(journal).open("a", encoding="utf-8") as file:
            file.write(f"{os.environ['REHEARSAL_MACHINE']}: {line}\n")
    if "REHEARSAL_COMMANDS" not in os.environ:
        return 0
    commands = Path(os.environ["REHEARSAL_COMMANDS"])
    packages = installed(sys.argv[1:])
    if packages:
        _bring(packages, commands)
    if sys.argv[1:] in (["reboot"], ["sudo", "reboot"]):
        (commands / REBOOT).touch()
    return 0


def _bring(packages: tuple[str, ...], folder: Path) -> None:
    """Add the commands of packages to a machine's folder of commands, as shims."""
    software = json.loads(Path(os.environ["REHEARSAL_SOFTWARE"]).read_text(encoding="utf-8"))
    for package in packages:
        for name in _commands_of(package.partition("=")[0], software["packages"]):
            if not (folder / name).exists():
                make(folder, name)


def _commands_of(package: str, listed: dict[str, list[str]]) -> list[str]:
    """Return a package's commands; a name in the table may end in `*`, as in `nvidia-driver-*`."""
    if package in listed:
        return listed[package]
    patterns = (name for name in listed if fnmatchcase(package, name))
    return next((listed[name] for name in patterns), [package])


if __name__ == "__main__":
    sys.exit(main())
