"""SSH for real: one asyncssh server for each node, at the node's floating IP, with exec, shell, sftp and scp."""

import asyncio
import contextlib
import fcntl
import os
import posixpath
import pty
import shutil
import struct
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from provisioning.rehearsal.machines.processes import Processes
from provisioning.rehearsal.machines.scratch import Scratch
from provisioning.rehearsal.world.store import Document
from provisioning.rehearsal.world.world import World

#: The user of Chameleon's images.
USER = "cc"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class _Login(asyncssh.SSHServer):
    """Lets in user `cc` with the key that the server was started with, and nobody else."""

    def __init__(self, public_key: str | None, guests: set[asyncssh.SSHServerConnection]) -> None:
        self._key = asyncssh.import_public_key(public_key) if public_key else None
        self._guests = guests
        self._guest: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._guest = conn
        self._guests.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._guest is not None:
            self._guests.discard(self._guest)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key == self._key

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        # Tunnels (`ssh -L`) reach the node's own loopback and nothing behind it.
        return dest_host in _LOOPBACK


class _Files(asyncssh.SFTPServer):
    """Sftp and scp in the node's scratch folder, starting in its home."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], scratch: Scratch) -> None:
        scratch.prepare()
        self._start = str(scratch.virtual_home).encode()
        super().__init__(channel, chroot=os.fsencode(scratch.root))

    def map_path(self, path: bytes) -> bytes:
        return super().map_path(posixpath.join(self._start, path))


@dataclass
class OpenNode:
    """A node whose SSH server is open.

    Attributes:
        server_id: The server that listens.
        place: Host and port at which it listens.
        acceptor: asyncssh's listener.
        guests: The connections that are up.
    """

    server_id: str
    place: tuple[str, int]
    acceptor: asyncssh.SSHAcceptor
    guests: set[asyncssh.SSHServerConnection]

    async def close(self) -> None:
        """Stop listening and cut every connection, as when a node loses power."""
        self.acceptor.close()
        cut = list(self.guests)
        for guest in cut:
            guest.abort()
        await asyncio.gather(*(guest.wait_closed() for guest in cut))


def scratch_of(world: World, server: Document) -> Scratch:
    """Return the scratch folder of a server."""
    return Scratch(
        world.folder / "nodes" / server["id"], f"/home/{USER}", server["name"], world.folder / "journal.jsonl"
    )


async def listen(
    world: World, processes: Processes, server: Document, address: str, host_key: asyncssh.SSHKey
) -> OpenNode:
    """Open a node's SSH server.

    Args:
        world: The world the node lives in.
        processes: Where its commands are started.
        server: The node's record.
        address: Its floating IP.
        host_key: The key with which it proves itself.

    Returns:
        The open node. It listens at (floating IP, 22) where the system allows it and `REHEARSAL_PORT22` is not
        `never`, else at a high port of the floating IP, else (macOS) at one of 127.0.0.1.
    """
    scratch = scratch_of(world, server)
    guests: set[asyncssh.SSHServerConnection] = set()

    async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
        await _serve(world, processes, server, scratch, process)

    options: dict[str, Any] = {
        "server_factory": lambda: _Login(server["public_key"], guests),
        "process_factory": serve,
        "sftp_factory": lambda channel: _Files(channel, scratch),
        "allow_scp": True,
        "encoding": None,
        "server_host_keys": [host_key],
    }
    places = [(address, 22), (address, 0), ("127.0.0.1", 0)]
    if os.environ.get("REHEARSAL_PORT22") == "never":
        del places[0]
    for host, port in places:
        with contextlib.suppress(OSError):
            acceptor = await asyncssh.listen(host, port, **options)
            return OpenNode(server["id"], (host, acceptor.get_port()), acceptor, guests)
    raise OSError("no port of the loopback interface can be opened: is this a sandbox without a network?")


async def _serve(
    world: World,
    processes: Processes,
    server: Document,
    scratch: Scratch,
    process: asyncssh.SSHServerProcess[bytes],
) -> None:
    """Run what one SSH session asks for, in the node's scratch home."""
    raw = process.command
    text = raw.decode() if isinstance(raw, bytes) else raw
    world.note("command", machine=server["name"], project=server["project"], command=text or "(shell)")
    shell = shutil.which("bash") or "/bin/sh"
    terminal = process.term_type
    command = [shell, "-c", scratch.localise(text)] if text else [shell, "--norc", "-i"]
    environment = scratch.environment(USER, SSH_CONNECTION="rehearsal")
    if terminal:
        term = terminal.decode() if isinstance(terminal, bytes) else terminal
        await _serve_terminal(scratch, process, command, environment | {"TERM": term})
        return
    child = await processes.start(server["id"], scratch, command, environment)
    try:
        # The channel's end of file is for both streams: sent when the first one ends, it would cut off the other, and
        # the connection with it. `exit` closes the channel once both are through.
        await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr, send_eof=False)
        code = await child.wait()
        await process.stdout.drain()
        await process.stderr.drain()
        process.exit(code if code >= 0 else 128 - code)
    finally:
        if child.returncode is None:
            processes.end_one(server["id"], child.pid)
        await process.wait_closed()


async def _serve_terminal(
    scratch: Scratch,
    process: asyncssh.SSHServerProcess[bytes],
    command: list[str],
    environment: dict[str, str],
) -> None:
    """Run an interactive session behind a real pseudo-terminal."""
    scratch.prepare()
    outer, inner = pty.openpty()
    _resize(inner, *process.term_size[:2])
    child = await asyncio.create_subprocess_exec(
        *command,
        cwd=scratch.home,
        env=environment,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
        # The session needs its terminal as the controlling one, or Ctrl-C reaches nobody.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(inner)
    loop = asyncio.get_running_loop()
    typing = asyncio.create_task(_type(process, outer))

    def show() -> None:
        try:
            process.stdout.write(os.read(outer, 65536))
        except OSError:  # Linux reports EIO when the last program has closed the terminal.
            loop.remove_reader(outer)

    loop.add_reader(outer, show)
    try:
        code = await child.wait()
        await asyncio.sleep(0)
        process.exit(max(code, 0))
    finally:
        loop.remove_reader(outer)
        typing.cancel()
        os.close(outer)
        if child.returncode is None:
            child.kill()
        await process.wait_closed()


async def _type(process: asyncssh.SSHServerProcess[bytes], terminal: int) -> None:
    """Pass what the client types, and the size of its window, to a pseudo-terminal."""
    while not process.stdin.at_eof():
        try:
            os.write(terminal, await process.stdin.read(4096))
        except asyncssh.TerminalSizeChanged as change:
            _resize(terminal, change.width, change.height)


def _resize(terminal: int, columns: int, rows: int) -> None:
    """Tell a pseudo-terminal its size; a client that gives none gets 80 by 24."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows or 24, columns or 80, 0, 0))


def host_key(folder: Path) -> asyncssh.SSHKey:
    """Return the rehearsal's SSH host key, made on first use and kept, as real nodes keep theirs."""
    path = folder / "host_key"
    if not path.exists():
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(path)
        path.chmod(0o600)
    return asyncssh.read_private_key(path)
