"""Which SSH servers should be open now, and the files that tell the outside where they are."""

import json
import logging
import shutil
from pathlib import Path

from provisioning.rehearsal.machines import ssh
from provisioning.rehearsal.machines.processes import Processes
from provisioning.rehearsal.world.clock import answers_ssh
from provisioning.rehearsal.world.store import Document
from provisioning.rehearsal.world.world import World

LOG = logging.getLogger(__name__)


class Listeners:
    """Opens and closes SSH servers so that they agree with the world; called many times, does little."""

    def __init__(self, world: World, processes: Processes) -> None:
        """Start with none open."""
        self._world = world
        self._processes = processes
        self._key = ssh.host_key(world.folder)
        self._open: dict[str, ssh.OpenNode] = {}
        self._write()

    async def agree(self) -> None:
        """Open the SSH server of each node that should answer, close the others, wipe what is gone."""
        wanted = self._wanted()
        for address, node in list(self._open.items()):
            if address not in wanted or wanted[address]["id"] != node.server_id:
                await self._close(address)
        for address, server in wanted.items():
            if address not in self._open:
                node = await ssh.listen(self._world, self._processes, server, address, self._key)
                self._open[address] = node
                LOG.info("ssh %s@%s is open at %s port %d", ssh.USER, address, *node.place)
                self._write()
        self._wipe()

    async def close(self) -> None:
        """Close them all."""
        for address in list(self._open):
            await self._close(address)

    def _wanted(self) -> dict[str, Document]:
        """Return the nodes that should answer SSH, by floating IP."""
        store, now_s = self._world.store, self._world.now()
        ports = {port["id"]: port["device_id"] for port in store.find("port")}
        servers = {server["id"]: server for server in store.find("server")}
        found = {}
        for address in store.find("floating_ip"):
            server = servers.get(ports.get(address["port_id"], ""))
            if server and answers_ssh(server, now_s):
                found[address["address"]] = server
        return found

    async def _close(self, address: str) -> None:
        node = self._open.pop(address)
        self._write()
        await node.close()

    def _write(self) -> None:
        """Write `ports.json` for the port 22 hook and `ssh_config` for OpenSSH."""
        places = {address: list(node.place) for address, node in self._open.items()}
        _replace(self._world.folder / "ports.json", json.dumps(places))
        blocks = [
            f"Host {address}\n  HostName {host}\n  Port {port}\n  User {ssh.USER}\n"
            "  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n"
            for address, (host, port) in places.items()
        ]
        _replace(self._world.folder / "ssh_config", "\n".join(blocks))

    def _wipe(self) -> None:
        """End the processes and delete the folders of machines that are gone."""
        for kind, folder in (("server", "nodes"), ("container", "containers")):
            base = self._world.folder / folder
            alive = {machine["id"] for machine in self._world.store.find(kind)}
            for path in base.iterdir() if base.exists() else ():
                if path.name not in alive:
                    self._processes.end(path.name)
                    shutil.rmtree(path, ignore_errors=True)


def _replace(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new one, never half of it."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
