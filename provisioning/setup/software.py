"""The steps that turn a machine into the lab's machine, from the course's copy to the links that lead to it."""

import json
import shlex
import tempfile
from pathlib import Path
from typing import Any

from labs.shell import msl
from provisioning.node.archive import build_archive, materials_files
from provisioning.setup import reach
from provisioning.setup.context import StepContext
from provisioning.setup.jobs import script, start
from provisioning.setup.plan import StepBody
from provisioning.setup.transfer import REMOTE_ROOT, Home, push
from provisioning.sites import images
from provisioning.testbed.errors import CommandFailedError


def materials_copied(context: StepContext) -> dict[str, Any]:
    """Copy the course without its data to the machine, unless the same copy is there."""
    return _copied(context, "materials", assets=False)


def data_copied(context: StepContext) -> dict[str, Any]:
    """Copy pictures and model to the machine and see that they are whole and that the disk has room."""
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
        archive = build_archive(
            context.settings.materials, files, Path(folder) / f"labs-{what}.tar.gz"
        )
        shell, marker = context.shell(), f"{what}.sha256"
        if (
            shell.run(f"cat .serving-labs/{marker} 2>/dev/null; true").output.strip()
            == archive.sha256
        ):
            context.say(f"the same {what} are there already")
        else:
            context.say(f"copying {archive.path.stat().st_size / 1e6:.1f} MB of {what}")
            shell.put(archive.path, archive.path.name)
            words = {
                "archive": archive.path.name,
                "digest": archive.sha256,
                "root": REMOTE_ROOT,
                "marker": marker,
            }
            done = shell.run(script("unpack", **words), timeout_s=300)
            if done.exit_code != 0:
                raise CommandFailedError(f"unpacking the {what} failed: {done.output.strip()}")
        return {"files": len(files), "sha256": archive.sha256}


def work_brought(context: StepContext) -> dict[str, Any]:
    """Push what was made at home."""
    known = context.record.facts(context.step_name).get("known", {})
    moved, same = push(
        context.shell(), Home.of_course(context.settings.materials), known, context.say
    )
    context.say(f"sent {moved}")
    return {"known": same}


def scripted(name: str, title: str) -> StepBody:
    """Return the step that runs the machine's script of that name to its end."""

    def body(context: StepContext) -> dict[str, Any]:
        context.follow(name, script_command(context, f"{name}.sh"), title)
        return {}

    return body


def begun(name: str, what: str) -> StepBody:
    """Return the step that only begins what nothing here waits for: gigabytes that come while the student reads."""

    def body(context: StepContext) -> dict[str, Any]:
        state = start(context.shell(), name, script_command(context, f"{name}.sh"))
        on_its_way = (
            f"on its way while you go on; see ~/.serving-labs/jobs/{name}/log on the machine"
        )
        context.say(f"{what}: {on_its_way if state == 'running' else 'there'}")
        return {}

    return body


def services_started(context: StepContext) -> dict[str, Any]:
    """Start Jupyter on the machine's loopback address."""
    result = context.shell().run(script("token", base=reach.jupyter_base()))
    if result.exit_code != 0:
        raise CommandFailedError(
            f"could not write Jupyter's token on the machine: {result.output.strip()}"
        )
    # Again each time: the script leaves alone what answers, and a Jupyter that has died since has to come back.
    command = script_command(context, "services.sh", "127.0.0.1", str(reach.JUPYTER_PORT))
    context.follow("services", command, "starting services", again=True)
    return {}


def healthy(context: StepContext) -> dict[str, Any]:
    """Run every check on the machine; return each one's outcome.

    A check says ``ok``, ``failed``, or ``rehearsed`` when this machine cannot run it for real and said so.

    Raises:
        CommandFailedError: at least one failed; all are listed.
    """
    # Again each time: health is a question about now.
    log = context.follow(
        "health", script_command(context, "health.sh"), "checking health", again=True
    )
    checks = [
        json.loads(line.split(" ", 1)[1]) for line in log.splitlines() if line.startswith("check ")
    ]
    if not checks:
        raise CommandFailedError(
            "health.sh made no check", likely="The copied materials are from another version."
        )
    for check in checks:
        context.say(f"{check['outcome']:<11}{check['name']}: {check['detail']}")
    failed = [
        f"\n  - {check['name']}: {check['detail']}"
        for check in checks
        if check["outcome"] == "failed"
    ]
    if failed:
        raise CommandFailedError(
            f"{len(failed)} of {len(checks)} checks failed:{''.join(failed)}",
            likely="A service did not start, or the machine is not the kind that this part needs.",
        )
    return {"checks": {check["name"]: check["outcome"] for check in checks}}


def node_links(context: StepContext) -> dict[str, Any]:
    """Return the ways to a server: the command that brings its ports, Jupyter, a terminal."""
    settings, part = context.settings, context.settings.spec.part
    there = reach.jupyter_there(context.shell().run(reach.ASK).output)
    way = context.testbed.way(context.machine())
    assert way is not None, "a server is reached through SSH"
    address = (
        "" if reach.hub_prefix() else f"http://127.0.0.1:{reach.usual_port(there.port, there.base)}"
    )
    links = {
        "forward": msl(f"lease forward {part}"),
        "jupyter": reach.jupyter_link(address, there.base, there.token, reach.first_notebook(part)),
        "ssh": reach.ssh_line(way, settings.ssh),
    }
    context.say("run this where your browser is, and leave it open:  " + links["forward"])
    # Not the links themselves: a log is copied into a mail sooner than a table, and they hold the token.
    context.say("Jupyter's address, with its token, is among the links")
    return links


def container_links(context: StepContext) -> dict[str, Any]:
    """Return the Jupyter link of a container, whose ports are open at its own address; it has no SSH."""
    address, part = context.record.facts("address")["address"], context.settings.spec.part
    context.say("Jupyter's address, with its token, is among the links")
    return {
        "jupyter": reach.at_address(
            address, part, reach.container_token(context.shell()), REMOTE_ROOT
        )[0].link
    }


def script_command(context: StepContext, name: str, *arguments: str) -> str:
    """Return the command that runs one of the machine's scripts, for ``sh``."""
    settings = context.settings
    known = images.known(settings.option.image)
    words = [
        "env",
        # A login shell of the CUDA image sets it, and every environment of ours brings its own CUDA.
        "-u",
        "LD_LIBRARY_PATH",
        f"LABS_IMAGE={settings.option.image}",
        f"LABS_DRIVER={known['driver']} ({known['standing']})",
        *images.mirrored(),
        f"LABS_STAND_IN={settings.stand_in}",
        # The digest makes it another job when the materials changed; the scripts themselves skip what is done.
        f"LABS_MATERIALS={context.record.facts('materials').get('sha256', '')[:12]}",
        *(
            "bash",
            f"{REMOTE_ROOT}/provisioning/node/bin/{name}",
            settings.option.machine,
            settings.spec.part,
        ),
        *arguments,
    ]
    return f'cd "$HOME" && {shlex.join(words)}'
