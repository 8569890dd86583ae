"""The steps that turn a machine into the lab's machine: materials, environment, data, drivers, services."""

from __future__ import annotations

import secrets
import shlex
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from labs.assets.places import APP_NAME, URL_FILE, AssetError, address
from provisioning.archive import build_archive, materials_files
from provisioning.errors import CommandFailedError
from provisioning.reach import JUPYTER_PORT, jupyter_base
from provisioning.setup.context import StepContext
from provisioning.setup.jobs import begin, follow
from provisioning.testbed import Shell

#: Where the course lies on the machine, under the account's home.
REMOTE_ROOT = "serving-labs"

#: First line of a file with the address that the set-up wrote: one that a student wrote on the machine stays.
_ADDRESS_OURS = "# The address that was configured where the machine was set up; setting up again writes it anew."

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
    return {**facts, "address": _address_handed_over(context)}


def _address_handed_over(context: StepContext) -> str:
    """Write where the real Food-11 is fetched from, where the student has said so; return it as it may be shown.

    The file is the one that :mod:`labs.assets.places` reads by itself, so that Jupyter, a terminal and the device's
    commands all know it. An address may hold a password or a token in its query: it is never a word of a command.
    """
    try:
        found = address()
    except AssetError as error:
        context.say(f"no address is handed to the machine: {error}")
        return ""
    if found is None:
        return ""
    shell = context.shell()
    folder = "Library/Application Support" if shell.run("uname -s").output.strip() == "Darwin" else ".config"
    path = f"{folder}/{APP_NAME}/{URL_FILE}"
    first = shell.run(f"head -n 1 {shlex.quote(path)} 2>/dev/null; true").output.strip()
    if first not in ("", _ADDRESS_OURS):
        context.say(f"{path} was written on the machine itself and stays as it is")
        return ""
    context.say(f"the machine knows the real data and model at {found.shown}")
    write_private(shell, path, f"{_ADDRESS_OURS}\n{found.url}\n")
    return found.shown


def write_private(shell: Shell, path: str, text: str) -> None:
    """Write a text to a file that only its owner can read, whole or not at all.

    It travels as a file: a command line is seen by everybody who lists processes, and a rehearsal's journal keeps it.

    Args:
        shell: on the machine.
        path: below its home; the folder becomes the owner's alone.
        text: what to write.

    Raises:
        CommandFailedError: it could not be written.
    """
    folder, arriving = str(PurePosixPath(path).parent), f"{path}.arriving"
    made = shell.run(f"mkdir -p {shlex.quote(folder)} && chmod 700 {shlex.quote(folder)}")
    if made.exit_code != 0:
        raise CommandFailedError(f"could not make {folder} on the machine: {made.output.strip()}")
    with tempfile.TemporaryDirectory() as local:
        source = Path(local) / PurePosixPath(path).name
        source.write_text(text, encoding="utf-8")
        shell.put(source, arriving)
    moved = shell.run(f"chmod 600 {shlex.quote(arriving)} && mv {shlex.quote(arriving)} {shlex.quote(path)}")
    if moved.exit_code != 0:
        raise CommandFailedError(f"could not write {path} on the machine: {moved.output.strip()}")


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


def providers_begun(context: StepContext) -> dict[str, Any]:
    """Begin to fetch the environments of lesson 15's execution providers, gigabytes that nothing here waits for."""
    return _begun(context, "providers", "providers.sh", "the execution providers of lesson 15")


def containers_begun(context: StepContext) -> dict[str, Any]:
    """Begin to fetch, build and start part 3's containers, which the first of its lessons do without."""
    return _begun(context, "containers", "containers.sh", "NVIDIA's Triton")


def _begun(context: StepContext, name: str, script: str, what: str) -> dict[str, Any]:
    state = begin(context, name, script_command(context, script))
    if state == "running":
        context.say(f"{what}: on its way while you go on; see ~/.serving-labs/jobs/{name}/log on the machine")
    else:
        context.say(f"{what}: there")
    return {"background": state}


def drivers_ready(context: StepContext) -> dict[str, Any]:
    """See that the GPU driver fits, and install Docker and NVIDIA's container toolkit where the part needs them."""
    log = follow(context, "drivers", script_command(context, "drivers.sh"), title="checking drivers")
    return _reported(log)


def services_started(context: StepContext) -> dict[str, Any]:
    """Start Jupyter, bound to loopback unless opening was asked for."""
    token = context.facts(context.step_name).get("token") or secrets.token_hex(16)
    context.remember(token=token)
    shell = context.shell()
    write_private(shell, ".serving-labs/jupyter-token", token)
    bind = "0.0.0.0" if context.settings.expose else "127.0.0.1"
    base = "/" if context.settings.expose else jupyter_base()
    shell.run(f"printf %s {shlex.quote(base)} > .serving-labs/jupyter-base")
    command = script_command(context, "services.sh", bind, str(JUPYTER_PORT))
    # Again each time: the script leaves alone what answers, and a Jupyter that has died since has to come back.
    log = follow(context, "services", command, title="starting services", again=True)
    return {**_reported(log), "bind": bind, "base": base}


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
