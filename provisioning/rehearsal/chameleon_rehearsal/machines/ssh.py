"""SSH for real: one asyncssh server for each node that should answer, with exec, shell, sftp, scp
and tunnels.

A node listens at a high port of 127.0.0.1, for root as for everybody; `ports.json` and `ssh_config`
lead there from its floating IP and port 22.
"""

import asyncio
import fcntl
import json
import os
import posixpath
import pty
import shutil
import struct
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import asyncssh

from chameleon_rehearsal import place
from chameleon_rehearsal.faults import FAULTS
from chameleon_rehearsal.machines.conditions import after_reboot
from chameleon_rehearsal.machines.scratch import Processes, Scratch
from chameleon_rehearsal.machines.shim import REBOOT
from chameleon_rehearsal.world.clock import machine_status
from chameleon_rehearsal.world.world import Document, World

#: The user of Chameleon's images.
USER = "cc"
#: Image of a server whose own image no longer exists.
USUAL_IMAGE = "CC-Ubuntu24.04"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class _Login(asyncssh.SSHServer):
    """Lets in only user `cc` with the key that the server was started with."""

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

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key == self._key

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> bool:
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
    """A node whose SSH server is open, and the connections that are up."""

    server_id: str
    acceptor: asyncssh.SSHAcceptor
    guests: set[asyncssh.SSHServerConnection]

    async def close(self) -> None:
        """Stop listening and cut every connection, as when a node loses power."""
        self.acceptor.close()
        cut = list(self.guests)
        for guest in cut:
            guest.abort()
        await asyncio.gather(*(guest.wait_closed() for guest in cut))


class Listeners:
    """Opens and closes SSH servers so that they agree with the world; called many times, does
    little.
    """

    def __init__(
        self, world: World, processes: Processes, names: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        """Start with none open; `names` has the ports of sites that are found by a name."""
        self._world = world
        self._names = dict(names)
        self._processes = processes
        # The host key, made on first use and kept, as real nodes keep theirs.
        path = world.folder / "host_key"
        if not path.exists():
            asyncssh.generate_private_key("ssh-ed25519").write_private_key(path)
            path.chmod(0o600)
        self._key = asyncssh.read_private_key(path)
        self._open: dict[str, OpenNode] = {}
        self._write()

    async def agree(self) -> None:
        """Open the SSH server of each node that should answer, close the others, wipe what is
        gone.
        """
        for address, node in list(self._open.items()):
            await self._restart_if_asked(address, node)
        for server in self._world.store.find("server", halted=True):
            await self._halt(server["id"])
        wanted = self._wanted()
        for address, node in list(self._open.items()):
            if address not in wanted or wanted[address]["id"] != node.server_id:
                await self._close(address)
        for address, server in wanted.items():
            if address not in self._open:
                self._open[address] = await self._listen(server)
                self._write()
        for kind, folder in (("server", "nodes"), ("container", "containers")):
            base = self._world.folder / folder
            alive = {machine["id"] for machine in self._world.store.find(kind)}
            for path in base.iterdir() if base.exists() else ():
                if path.name not in alive:
                    self._processes.end(path)
                    shutil.rmtree(path, ignore_errors=True)

    async def _restart_if_asked(self, address: str, node: OpenNode) -> None:
        """Cut off a node that restarts, and end what runs on it; it answers again later."""
        server = self._world.store.get("server", node.server_id)
        root = self._world.folder / "nodes" / node.server_id
        asked = _asked_to_restart(root)
        if server is None or not asked.exists():
            return
        await self._close(address)
        self._processes.end(root)
        usual_s = FAULTS["reboot"].seconds or 0.0
        away_s = float(asked.read_text(encoding="utf-8") or usual_s)
        asked.unlink()
        server["conditions"] = after_reboot(asked.parent, server.get("conditions", {}))
        server["ssh_at_s"] = self._world.clock.now() + self._world.clock.shortened(away_s)
        self._world.store.put("server", server)

    async def _halt(self, server_id: str) -> None:
        """End what runs on a server that Nova stops, restarts or rebuilds, and cut it off."""
        for address, node in list(self._open.items()):
            if node.server_id == server_id:
                await self._close(address)
        root = self._world.folder / "nodes" / server_id
        self._processes.end(root)
        server = self._world.store.get("server", server_id)
        if server is None:
            return
        if server["wiped"]:
            shutil.rmtree(root, ignore_errors=True)
        commands = _asked_to_restart(root).parent
        server["conditions"] = after_reboot(commands, server["conditions"])
        self._world.store.put("server", server | {"halted": False, "wiped": False})

    async def close(self) -> None:
        """Close them all."""
        for address in list(self._open):
            await self._close(address)

    def _wanted(self) -> dict[str, Document]:
        store, now_s = self._world.store, self._world.clock.now()
        ports = {port["id"]: port["device_id"] for port in store.find("port")}
        servers = {server["id"]: server for server in store.find("server")}
        wanted = {}
        for address in store.find("floatingip"):
            server = servers.get(ports.get(address["port_id"], ""))
            # A while after it is active, as on bare metal.
            up = (
                server and machine_status(server, now_s) == "ACTIVE" and now_s >= server["ssh_at_s"]
            )
            if server and up and self._world.lets_in(server, 22):
                wanted[address["floating_ip_address"]] = server
        return wanted

    async def _listen(self, server: Document) -> OpenNode:
        root = self._world.folder / "nodes" / server["id"]
        disks = self._world.store.find("volume", server_id=server["id"])
        image_id = next((disk["image_id"] for disk in disks), server.get("image_id"))
        image = self._world.image_named(server["site"], image_id) or USUAL_IMAGE
        conditions = server.get("conditions", {})
        scratch = Scratch(self._world, root, f"/home/{USER}", server["name"], image, conditions)
        guests: set[asyncssh.SSHServerConnection] = set()
        key = server["public_key"] or self._any_key(server)

        async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
            await _serve(self._world, self._processes, server, scratch, process, acceptor)

        acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Login(key, guests),
            process_factory=serve,
            sftp_factory=lambda channel: _Files(channel, scratch),
            allow_scp=True,
            encoding=None,
            server_host_keys=[self._key],
        )
        return OpenNode(server["id"], acceptor, guests)

    def _any_key(self, server: Document) -> str | None:
        # Public notebooks start a virtual machine without one and sign in: here this lets them in.
        if self._world.catalogue.sites[server["site"]].site_class != "kvm":
            return None
        mine = f"{server['site']}/{server['user_id']}/"
        return next(
            (
                p["public_key"]
                for p in self._world.store.find("keypair")
                if p["id"].startswith(mine)
            ),
            None,
        )

    async def _close(self, address: str) -> None:
        node = self._open.pop(address)
        self._write()
        await node.close()

    def _write(self) -> None:
        ports = {address: node.acceptor.get_port() for address, node in self._open.items()}
        place.replace(self._world.folder / "ports.json", json.dumps(ports | self._names))
        blocks = [
            f"Host {address}\n  HostName 127.0.0.1\n  Port {port}\n  User {USER}\n"
            "  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n"
            for address, port in ports.items()
        ]
        place.replace(self._world.folder / "ssh_config", "\n".join(blocks))


def _asked_to_restart(root: Path) -> Path:
    """Return the file that is there once a node was asked to restart."""
    return root / ".commands" / REBOOT


async def _serve(
    world: World,
    processes: Processes,
    server: Document,
    scratch: Scratch,
    process: asyncssh.SSHServerProcess[bytes],
    acceptor: asyncssh.SSHAcceptor,
) -> None:
    raw = process.command
    text = raw.decode() if isinstance(raw, bytes) else raw
    world.note(server["name"], text or "(shell)")
    shell = shutil.which("bash") or "/bin/sh"
    command = [shell, "-c", scratch.localise(text)] if text else [shell, "--norc", "-i"]
    environment = scratch.environment(USER, SSH_CONNECTION="rehearsal")
    scratch.prepare()
    restart = world.faults.strike("reboot", server["user"])
    if restart:
        _asked_to_restart(scratch.root).write_text(str(restart["seconds"]), encoding="utf-8")
    if _asked_to_restart(scratch.root).exists():
        process.channel.get_connection().abort()
        return
    if text and world.faults.strike("ssh-drop", server["user"]):
        # The worst moment: the command has run, but its exit code is lost.
        lost = await processes.start(scratch, command, environment)
        await lost.communicate()
        process.channel.get_connection().abort()
        return
    streams: dict[str, Any] = {}
    if process.term_type:
        outer, inner = pty.openpty()
        columns, rows = process.term_size[:2]
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows or 24, columns or 80, 0, 0))
        environment["TERM"] = "xterm-256color"
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), inner)
        # The session needs its terminal as the controlling one; otherwise Ctrl-C has no effect.
        streams["preexec_fn"] = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    child = await processes.start(scratch, command, environment, **streams)
    try:
        # The channel's end of file is for both streams: sent when the first one ends, it would cut
        # off the other, and the connection with it. `exit` closes the channel once both are
        # through.
        if streams:
            os.close(inner)
            await process.redirect(stdin=os.dup(outer), stdout=outer, send_eof=False)
        else:
            await process.redirect(
                stdin=child.stdin, stdout=child.stdout, stderr=child.stderr, send_eof=False
            )
        code = await child.wait()
        await process.stdout.drain()
        await process.stderr.drain()
        if _asked_to_restart(scratch.root).exists():
            # Who waits for port 22 next must not find the SSH server that is about to go.
            acceptor.close()
        process.exit(code if code >= 0 else 128 - code)
    finally:
        if child.returncode is None:
            processes.end_one(child.pid)
        await process.wait_closed()
