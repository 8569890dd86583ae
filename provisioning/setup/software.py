"""The steps that turn a machine into the lab's machine, from the course's copy to the links that
lead to it.
"""

import json
import shlex
import tempfile
from pathlib import Path
from typing import Any

from labs.shell import msl
from labs.sites import images
from provisioning.node.archive import build_archive, materials_files
from provisioning.setup import reach
from provisioning.setup.context import StepContext
from provisioning.setup.jobs import script, start
from provisioning.setup.plan import StepBody
from provisioning.setup.transfer import REMOTE_ROOT, Home, push
from provisioning.testbed.errors import CommandFailedError


def materials_copied(context: StepContext) -> dict[str, Any]:
    """Copy the course without its data to the machine, unless the same copy is there."""
    return _copied(context, "materials", assets=False)


def data_copied(context: StepContext) -> dict[str, Any]:
    """Copy pictures and model to the machine and see that they are whole and that the disk has
    room.
    """
    facts = _copied(context, "assets", assets=True)
    if facts["files"]:
        context.follow("data", script_command(context, "data.sh"), "checking data and model")
    return facts


def _copied(context: StepContext, what: str, *, assets: bool) -> dict[str, Any]:
    files = materials_files(context.settings.materials, assets=assets)
    if not files:
        context.say(f"this checkout has no {what}")
        return {"files": 0}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"labs-{what}.tar.gz"
        archive = build_archive(context.settings.materials, files, path)
        shell = context.shell()
        marker = f"{what}.sha256"
        marked = shell.run(f"cat .serving-labs/{marker} 2>/dev/null; true").output.strip()
        if marked == archive.sha256:
            context.say(f"the same {what} are there already")
        else:
            size_mb = archive.path.stat().st_size / 1e6
            context.say(f"copying {size_mb:.1f} MB of {what}")
            shell.put(archive.path, f"{archive.path.name}.arriving")
            unpack = script(
                "unpack",
                archive=archive.path.name,
                digest=archive.sha256,
                root=REMOTE_ROOT,
                marker=marker,
            )
            # A job, since a slow card may take longer than a connection holds; again where the
            # marker says that the same copy was replaced.
            context.follow(f"unpack-{what}", unpack, f"unpacking the {what}", rerun=True)
        return {"files": len(files), "sha256": archive.sha256}


def work_brought(context: StepContext) -> dict[str, Any]:
    """Push what was made at home."""
    known = context.record.facts(context.step_name).get("known", {})
    home = Home.of_course(context.settings.materials)
    moved, same = push(context.shell(), home, known, context.say)
    context.say(f"sent {moved}")
    return {"known": same}


def scripted(name: str, title: str) -> StepBody:
    """Return the step that runs the machine's script of that name to its end."""

    def body(context: StepContext) -> dict[str, Any]:
        context.follow(name, script_command(context, f"{name}.sh"), title)
        return {}

    return body


def begun(name: str, what: str) -> StepBody:
    """Return the step that only starts a download; no step waits for these gigabytes, which come
    while the student reads.
    """

    def body(context: StepContext) -> dict[str, Any]:
        state = start(context.shell(), name, script_command(context, f"{name}.sh"))
        where = "there"
        if state == "running":
            log = f"~/.serving-labs/jobs/{name}/log"
            where = f"on its way while you go on; see {log} on the machine"
        context.say(f"{what}: {where}")
        return {}

    return body


def services_started(context: StepContext) -> dict[str, Any]:
    """Start Jupyter on the machine's loopback address."""
    result = context.shell().run(script("token", base=reach.jupyter_base()))
    if result.exit_code != 0:
        raise CommandFailedError(
            f"could not write Jupyter's token on the machine: {result.output.strip()}"
        )
    # Again each time: the script leaves alone what answers, and a Jupyter that has died since has
    # to come back.
    command = script_command(context, "services.sh", "127.0.0.1", str(reach.JUPYTER_PORT))
    context.follow("services", command, "starting services", rerun=True)
    return {}


def healthy(context: StepContext) -> dict[str, Any]:
    """Run every check on the machine; return each one's outcome.

    A check says ``ok``, ``failed``, or ``rehearsed`` when this machine cannot run it for real and
    said so.

    Raises:
        CommandFailedError: at least one failed; all are listed.
    """
    # Again each time: health is a question about now.
    command = script_command(context, "health.sh")
    log = context.follow("health", command, "checking health", rerun=True)
    reports = [line for line in log.splitlines() if line.startswith("check ")]
    checks = [json.loads(line.removeprefix("check ")) for line in reports]
    if not checks:
        raise CommandFailedError(
            "health.sh made no check", likely="The copied materials are from another version."
        )
    outcomes = {}
    failures = []
    for check in checks:
        outcomes[check["name"]] = check["outcome"]
        detail = f"{check['name']}: {check['detail']}"
        context.say(f"{check['outcome']:<11}{detail}")
        if check["outcome"] == "failed":
            failures.append(f"\n  - {detail}")
    if failures:
        failed_lines = "".join(failures)
        raise CommandFailedError(
            f"{len(failures)} of {len(checks)} checks failed:{failed_lines}",
            likely="A service did not start, or the machine is not the kind that this part needs.",
        )
    return {"checks": outcomes}


def node_links(context: StepContext) -> dict[str, Any]:
    """Return the ways to reach a server: the command that forwards its ports, Jupyter, a
    terminal.
    """
    part = context.settings.spec.part
    jupyter = reach.jupyter_of(context.shell().run(reach.ASK).output)
    way = context.testbed.way(context.machine())
    assert way is not None, "a server is reached through SSH"
    address = ""
    if not reach.hub_prefix():
        local_port = reach.usual_port(jupyter.port, jupyter.base)
        address = f"http://127.0.0.1:{local_port}"
    notebook = reach.first_notebook(part)
    links = {
        "forward": msl(f"lease forward {part}"),
        "ssh": reach.ssh_line(way, context.settings.ssh),
    }
    context.say("run this where your browser is, and leave it open:  " + links["forward"])
    if not jupyter.token:
        return links  # a device of one's own has none
    links["jupyter"] = reach.jupyter_link(address, jupyter.base, jupyter.token, notebook)
    # Not the links themselves: a log is copied into a mail sooner than a table, and they hold the
    # token.
    context.say("Jupyter's address, with its token, is among the links")
    return links


def container_links(context: StepContext) -> dict[str, Any]:
    """Return the Jupyter link of a container, whose ports are open at its own address; it has no
    SSH.
    """
    address = context.record.facts("address")["address"]
    context.say("Jupyter's address, with its token, is among the links")
    token = reach.container_token(context.shell())
    rows = reach.at_address(address, context.settings.spec.part, token, REMOTE_ROOT)
    return {"jupyter": rows[0].link}


def script_command(context: StepContext, name: str, *arguments: str) -> str:
    """Return the command that runs one of the machine's scripts, for ``sh``."""
    settings = context.settings
    image = settings.option.image
    known = images.known(image)
    materials_digest = context.record.facts("materials").get("sha256", "")
    # A login shell of the CUDA image sets LD_LIBRARY_PATH, and every environment of ours brings its
    # own CUDA.
    words = ["env", "-u", "LD_LIBRARY_PATH"]
    words.append(f"LABS_IMAGE={image}")
    words.append(f"LABS_DRIVER={known['driver']} ({known['standing']})")
    words += images.mirrored()
    words.append(f"LABS_STAND_IN={settings.stand_in}")
    # The digest makes it another job when the materials changed; the scripts themselves skip what
    # is done.
    words.append(f"LABS_MATERIALS={materials_digest[:12]}")
    words += ["bash", f"{REMOTE_ROOT}/provisioning/node/bin/{name}"]
    words += [settings.option.machine, settings.spec.part, *arguments]
    return f'cd "$HOME" && {shlex.join(words)}'
