"""A plain Debian machine with OpenSSH's own server and nothing of ours: a chroot with two accounts.

It needs root, debootstrap and the network. Its processes see this computer's network; its files,
programs and accounts are its own.
"""

import hashlib
import os
import re
import shutil
import socket
import stat
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.tools import tool

#: What a usual Debian server has, and a chroot of the least lacks.
PACKAGES = "openssh-server,sudo,python3,python3-venv,curl,procps,ca-certificates,iproute2"
#: Debian 12: its Python is 3.11, which the machines' pins are for.
SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
#: With sudo, and without.
ACCOUNTS = ("ada", "bob")


def require_root() -> None:
    """Skip where no chroot can be made."""
    if os.geteuid() != 0:
        pytest.skip("a chroot needs root")
    tool("debootstrap")
    tool("ssh")


def make_root(folder: Path) -> None:
    """Make a Debian in an empty folder, with the two accounts."""
    command = [tool("debootstrap"), "--variant=minbase", f"--include={PACKAGES}"]
    subprocess.run([*command, SUITE, str(folder), MIRROR], check=True, capture_output=True)
    shutil.copy("/etc/resolv.conf", folder / "etc" / "resolv.conf")
    # A network that looks into connections has a certificate of its own.
    shutil.copy(_CERTIFICATES, folder / _CERTIFICATES.lstrip("/"))
    for account in ACCOUNTS:
        # Without a password, and yet not locked: sshd refuses a locked account.
        open_account = ("--create-home", "--shell", "/bin/bash", "--password", "*")
        inside(folder, "useradd", *open_account, account)
    (folder / "etc" / "sudoers.d" / "ada").write_text("ada ALL=(ALL) NOPASSWD: ALL\n")


def inside(root: Path, *command: str) -> None:
    subprocess.run(["chroot", str(root), *command], check=True, capture_output=True)


class PlainMachine:
    """The chroot while its server runs."""

    def __init__(self, root: Path, public_key: str) -> None:
        self.root = root
        for account in ACCOUNTS:
            home = root / "home" / account
            ssh = home / ".ssh"
            ssh.mkdir(exist_ok=True)
            (ssh / "authorized_keys").write_text(public_key)
            (home / "thesis.txt").write_text("the owner's")
            inside(root, "chown", "-R", f"{account}:{account}", f"/home/{account}")
        subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
        (root / "run" / "sshd").mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = [f"Port={self.port}", "ListenAddress=127.0.0.1", "PidFile=none"]
        settings += ["PasswordAuthentication=no", "UsePAM=no", "PrintLastLog=no"]
        settings += [f"SetEnv=SSL_CERT_FILE={_CERTIFICATES} PIP_CERT={_CERTIFICATES}"]
        options = [f"-o{setting}" for setting in settings]
        command = ["chroot", str(root), "/usr/sbin/sshd", "-D", "-e", *options]
        with (root.parent / "sshd.log").open("w") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait()
        public = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()
        #: Its line of known_hosts.
        self.host_key = f"[127.0.0.1]:{self.port} {public[0]} {public[1]}"

    def _wait(self) -> None:
        """Wait until the server answers, and until it has ended the session that asked."""
        server = psutil.Process(self._server.pid)
        answered = False
        for _ in range(600):
            if not answered:
                with socket.socket() as probe:
                    answered = probe.connect_ex(("127.0.0.1", self.port)) == 0
            elif not server.children():
                return
            time.sleep(0.1)
        raise AssertionError((self.root.parent / "sshd.log").read_text())

    def end(self) -> None:
        """Stop the server and unmount."""
        self._server.terminate()
        self._server.wait()
        subprocess.run(["umount", "-l", str(self.root / "proc")], check=True)

    def state(self) -> dict[str, list[str]]:
        """Return what is there: files, processes, listening ports, users and groups."""
        processes = []
        ports = []
        for process in psutil.process_iter():
            try:
                if Path(f"/proc/{process.pid}/root").resolve() != self.root.resolve():
                    continue
                # OpenSSH counts the connections that have not signed in yet in its own name.
                name = re.sub(r"\d+ of (?=\d+-\d+ startups)", "", " ".join(process.cmdline()))
                processes.append(name)
                listening = [
                    connection
                    for connection in process.net_connections()
                    if connection.status == psutil.CONN_LISTEN
                ]
                ports += [str(connection.laddr.port) for connection in listening]
            except (psutil.Error, OSError):
                continue
        return {
            "files": sorted(self._files()),
            "processes": sorted(processes),
            "ports": sorted(ports),
            "users": (self.root / "etc/passwd").read_text().splitlines(),
            "groups": (self.root / "etc/group").read_text().splitlines(),
        }

    def _files(self) -> list[str]:
        files = []
        for folder, names, file_names in os.walk(self.root):
            if Path(folder) == self.root:
                for mounted in ("proc", "dev", "sys"):
                    names.remove(mounted)
            for name in [*names, *file_names]:
                path = Path(folder, name)
                seen = path.lstat()
                line = f"{path.relative_to(self.root)} {stat.filemode(seen.st_mode)} {seen.st_uid}"
                if stat.S_ISREG(seen.st_mode):
                    digest = hashlib.sha256(path.read_bytes()).hexdigest()
                    line += f" {seen.st_size} {digest[:16]}"
                files.append(line)
        return files


def differences(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    """Return a line for each thing that is there only before, or only after."""
    lines = []
    for kind, things in before.items():
        lines += [f"{kind}: gone: {thing}" for thing in things if thing not in after[kind]]
        lines += [f"{kind}: new: {thing}" for thing in after[kind] if thing not in things]
    return lines
