"""The steps that turn a machine into the lab's machine: materials, environment, data, drivers, services."""

from __future__ import annotations

import secrets
import shlex
import tempfile
from pathlib import Path
from typing import Any

from provisioning.archive import build_archive, materials_files
from provisioning.errors import CommandFailedError
from provisioning.setup.context import StepContext
from provisioning.setup.jobs import follow
from provisioning.setup.machine import JUPYTER_PORT

#: Where the course lies on the machine, under the account's home.
REMOTE_ROOT = "serving-labs"

_UNPACK = """
set -e
cd "$HOME"
seen=$( (sha256sum {archive} 2>/dev/null || shasum -a 256 {archive}) | cut -d ' ' -f 1)
[ "$seen" = {digest} ] || {{ echo "the copy is damaged: $seen"; exit 65; }}
mkdir -p {root} .serving-labs
tar -xzf {archive} -C {root}
echo {digest} > .serving-labs/{marker}
rm -f {archive}
"""


def materials_copied(context: StepContext) -> dict[str, Any]:
    """Copy the course without its data to the machine, unless the same copy is there."""
    return _copied(context, "materials", without_assets=True)


def data_copied(context: StepContext) -> dict[str, Any]:
    """Copy pictures and model to the machine and see that they are whole and that the disk has room."""
    facts = _copied(context, "assets", without_assets=False)
    if facts["files"]:
        follow(context, "data", script_command(context, "data.sh"), title="checking data and model")
    return facts


def _copied(context: StepContext, what: str, without_assets: bool) -> dict[str, Any]:
    files = materials_files(context.settings.materials, assets=not without_assets)
    if not files:
        context.say(f"this checkout has no {what}")
        return {"files": 0}
    with tempfile.TemporaryDirectory() as folder:
        archive = build_archive(context.settings.materials, files, Path(folder) / f"labs-{what}.tar.gz")
        shell = context.shell()
        marker = f"{what}.sha256"
        there = shell.run(f"cat .serving-labs/{marker} 2>/dev/null; true").output.strip()
        if there != archive.sha256:
            context.say(f"copying {len(files)} files, {archive.path.stat().st_size / 1e6:.1f} MB")
            shell.put(archive.path, archive.path.name)
            unpack = _UNPACK.format(archive=archive.path.name, digest=archive.sha256, root=REMOTE_ROOT, marker=marker)
            done = shell.run(unpack, timeout_s=300)
            if done.exit_code != 0:
                raise CommandFailedError(f"unpacking the {what} failed: {done.output.strip()}")
        return {"files": len(files), "sha256": archive.sha256}


def environment_ready(context: StepContext) -> dict[str, Any]:
    """Make the Python environment with the machine's pinned packages."""
    log = follow(context, "environment", script_command(context, "environment.sh"), title="making the environment")
    return _reported(log)


def images_ready(context: StepContext) -> dict[str, Any]:
    """Pull and build the containers of part 3."""
    return _reported(follow(context, "images", script_command(context, "images.sh"), title="fetching containers"))


def drivers_ready(context: StepContext) -> dict[str, Any]:
    """See that the GPU driver fits, and install Docker and NVIDIA's container toolkit where the part needs them."""
    log = follow(context, "drivers", script_command(context, "drivers.sh"), title="checking drivers")
    return _reported(log)


def services_started(context: StepContext) -> dict[str, Any]:
    """Start Jupyter, and in part 3 the containers, bound to loopback unless opening was asked for."""
    token = context.facts(context.step_name).get("token") or secrets.token_hex(16)
    context.remember(token=token)
    # The token travels in a file that only the account can read, never on a command line that `ps` shows.
    shell = context.shell()
    written = shell.run(
        f"umask 077 && mkdir -p .serving-labs && printf %s {shlex.quote(token)} > .serving-labs/jupyter-token"
    )
    if written.exit_code != 0:
        raise CommandFailedError(f"could not write the Jupyter token: {written.output.strip()}")
    bind = "0.0.0.0" if context.settings.expose else "127.0.0.1"
    command = script_command(context, "services.sh", bind, str(JUPYTER_PORT))
    # Again each time: the script leaves alone what answers, and a Jupyter that has died since has to come back.
    log = follow(context, "services", command, title="starting services", again=True)
    return {**_reported(log), "bind": bind}


def script_command(context: StepContext, name: str, *arguments: str) -> str:
    """Return the command that runs one of the machine's scripts, for ``sh``."""
    settings = context.settings
    words = [
        "env",
        f"LABS_STAND_IN={settings.stand_in}",
        # The digest makes it another job when the materials changed; the scripts themselves skip what is done.
        f"LABS_MATERIALS={context.facts('materials').get('sha256', '')[:12]}",
        *("bash", f"{REMOTE_ROOT}/provisioning/node/bin/{name}", settings.option.machine, settings.spec.part),
        *arguments,
    ]
    return f'cd "$HOME" && {shlex.join(words)}'


def _reported(log: str) -> dict[str, Any]:
    """Return the ``report key=value`` lines that a script printed."""
    pairs = (line.split(" ", 1)[1].partition("=") for line in log.splitlines() if line.startswith("report "))
    return {key: value for key, _, value in pairs}
