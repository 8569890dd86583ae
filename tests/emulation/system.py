"""A fresh Debian system in a folder, in which commands run as in a container."""

import os
import shutil
import subprocess
from pathlib import Path

#: What this computer needs to reach package registries, and so does a system that it hosts.
_NETWORK = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/apt/apt.conf.d",
    "/etc/pip.conf",
    "/etc/xdg/pip",
    "/etc/ssl/certs",
    "/usr/local/share/ca-certificates",
)

#: Variables by which an administrator names proxies, certificates and packages on disk.
_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_PASSED_ON_BEGIN = ("PIP_", "UV_", "SSL_CERT_")


class System:
    """A Debian system below a folder.

    Commands see the folder as ``/``. They share this computer's network, processes and users'
    numbers: this is a stand-in for a container, and no sandbox.
    """

    def __init__(self, root: Path):
        self.root = root

    @classmethod
    def bootstrap(cls, root: Path, suite: str = "trixie") -> "System":
        """Make a minimal system of a Debian release, from this computer's own mirror."""
        mirror = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[:1]
        _quiet("debootstrap", "--variant=minbase", suite, str(root), *mirror)
        system = cls(root)
        for name in _NETWORK:
            system._take_over(Path(name))
        return system

    def copy_to(self, root: Path) -> "System":
        """Return a copy of this system in another folder, with ``/proc`` and ``/dev``."""
        _quiet("cp", "-a", "--reflink=auto", str(self.root), str(root))
        _quiet("mount", "-t", "proc", "proc", str(root / "proc"))
        _quiet("mount", "--rbind", "/dev", str(root / "dev"))
        for folder in os.environ.get("PIP_FIND_LINKS", "").split():
            inside = root / folder.lstrip("/")
            inside.mkdir(parents=True, exist_ok=True)
            _quiet("mount", "--bind", folder, str(inside))
        return System(root)

    def _take_over(self, path: Path) -> None:
        inside = self.path(path)
        if path.is_dir():
            shutil.rmtree(inside, ignore_errors=True)
            shutil.copytree(path, inside, symlinks=False, ignore_dangling_symlinks=True)
        elif path.exists():
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.unlink(missing_ok=True)
            shutil.copy(path, inside)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that each command starts with."""
        passed_on = {
            name: value
            for name, value in os.environ.items()
            if name in _PASSED_ON or name.startswith(_PASSED_ON_BEGIN)
        }
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return passed_on | {"PATH": path, "HOME": "/root", "LANG": "C.UTF-8"}

    def path(self, inside: str | Path) -> Path:
        """Return where a path of the system lies on this computer."""
        return self.root / str(inside).lstrip("/")

    def copy(self, folder: Path, inside: str) -> None:
        """Copy what a folder holds into a folder of the system."""
        shutil.copytree(folder, self.path(inside), symlinks=True, dirs_exist_ok=True)

    def command(self, *command: str, user: str = "root", cwd: str = "/") -> list[str]:
        """Return the command line that runs a command in the system as a user of its own."""
        line = 'cd "$1" && shift && exec "$@"'
        inside = ["sh", "-c", line, "sh", cwd, *command]
        return ["chroot", f"--userspec={user}", str(self.root), *inside]

    def run(
        self,
        *command: str,
        user: str = "root",
        cwd: str = "/",
        environment: dict[str, str] | None = None,
    ) -> str:
        """Return what a command prints. A failure raises ``subprocess.CalledProcessError``, and its
        output is a note of the error.
        """
        variables = self.environment | (environment or {})
        return _quiet(*self.command(*command, user=user, cwd=cwd), environment=variables)


def _quiet(*command: str, environment: dict[str, str] | None = None) -> str:
    finished = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if finished.returncode != 0:
        error = subprocess.CalledProcessError(finished.returncode, command, finished.stdout)
        error.add_note(finished.stdout[-3000:])
        raise error
    return finished.stdout
