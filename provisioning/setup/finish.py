"""The last steps: proof that the machine does what the lessons need, and the links to it."""

from __future__ import annotations

import json
import re
from typing import Any

from provisioning.errors import UnhealthyError
from provisioning.setup.context import StepContext
from provisioning.setup.jobs import follow
from provisioning.setup.machine import JUPYTER_PORT
from provisioning.setup.software import script_command


def healthy(context: StepContext) -> dict[str, Any]:
    """Run every check on the machine; return each one's outcome.

    A check says ``ok``, ``failed``, or ``rehearsed`` when this machine cannot run it for real and said so.

    Raises:
        UnhealthyError: at least one failed; all are listed.
    """
    # A new job each time: health is a question about now, so an earlier answer is never reused.
    context.state.update(context.step_name, remember={"round": (rounds := _round(context))})
    log = follow(context, f"health-{rounds}", script_command(context, "health.sh"), title="checking health")
    checks = [json.loads(line.split(" ", 1)[1]) for line in log.splitlines() if line.startswith("check ")]
    if not checks:
        raise UnhealthyError("the health script made no check", likely="The copied materials are from another version.")
    for check in checks:
        context.say(f"{check['outcome']:<11}{check['name']}: {check['detail']}")
    failed = [check for check in checks if check["outcome"] == "failed"]
    if failed:
        listed = "\n".join(f"  - {check['name']}: {check['detail']}" for check in failed)
        raise UnhealthyError(f"{len(failed)} of {len(checks)} checks failed:\n{listed}")
    return {"checks": {check["name"]: check["outcome"] for check in checks}}


def _round(context: StepContext) -> int:
    return int(context.facts(context.step_name).get("round", 0)) + 1


def node_links(context: StepContext) -> dict[str, Any]:
    """Return the SSH command, the tunnel and the Jupyter link of a server."""
    address = context.facts("address")["address"]
    token = context.facts("services")["token"]
    user = context.settings.option.user
    ssh, exposed = context.settings.ssh, context.settings.expose
    host = address if exposed else "127.0.0.1"
    # Another program on the machine may have had the usual port.
    port = context.facts("services").get("jupyter_port", JUPYTER_PORT)
    links = {"ssh": f"{ssh} {user}@{address}", "jupyter": f"http://{host}:{port}/lab?token={token}"}
    if not exposed:
        links["tunnel"] = f"{ssh} -N -L {port}:127.0.0.1:{port} {user}@{address}"
        context.say("run this where your browser is, and leave it open:  " + links["tunnel"])
    # Not the links themselves: a log is copied into a mail sooner than a table, and they hold the token.
    context.say("Jupyter's address, with its token, is among the links")
    return links


def container_links(context: StepContext) -> dict[str, Any]:
    """Return the Jupyter link of a container, with the token that its log shows; a container has no SSH."""
    address = context.facts("address")["address"]
    log = context.testbed.container_log(context.machine())
    shown = re.search(r"[?&]token=([0-9a-zA-Z]+)", log)
    token = shown.group(1) if shown else context.facts("container")["token"]
    context.say("Jupyter's address, with its token, is among the links")
    return {"jupyter": f"http://{address}:{JUPYTER_PORT}/lab?token={token}"}
