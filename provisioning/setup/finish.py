"""The last steps: proof that the machine does what the lessons need, and the links to it."""

from __future__ import annotations

import json
import re
from typing import Any

from provisioning import reach
from provisioning.errors import UnhealthyError
from provisioning.setup.context import StepContext
from provisioning.setup.jobs import follow
from provisioning.setup.software import REMOTE_ROOT, script_command


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
    """Return the ways to a server: the command that brings its ports, the same as a plain line, Jupyter, a terminal."""
    settings, services = context.settings, context.facts("services")
    part, token, base = settings.spec.part, services["token"], services.get("base", "/")
    way = context.testbed.way(context.machine(), settings.option.user)
    notebook = reach.first_notebook(part)
    links = {"ssh": reach.ssh_line(way, settings.ssh)}
    # Another program on the machine may have had the usual port.
    port = int(services.get("jupyter_port", reach.JUPYTER_PORT))
    if settings.expose:
        links["jupyter"] = reach.jupyter_link(f"http://{way.host}:{port}", base, token, notebook)
    else:
        links["forward"] = f"msl lease forward {part}"
        links["tunnel"] = reach.ssh_line(way, settings.ssh, reach.usual_ports(part, port, base))
        here = reach.usual_ports(part, port, base)[port]
        address = "" if reach.hub_prefix() else f"http://127.0.0.1:{here}"
        links["jupyter"] = reach.jupyter_link(address, base, token, notebook)
        context.say("run this where your browser is, and leave it open:  " + links["forward"])
    # Not the links themselves: a log is copied into a mail sooner than a table, and they hold the token.
    context.say("Jupyter's address, with its token, is among the links")
    return links


def container_links(context: StepContext) -> dict[str, Any]:
    """Return the Jupyter link of a container, with the token that its log shows; a container has no SSH."""
    address = context.facts("address")["address"]
    token = token_in(context.testbed.container_log(context.machine())) or context.facts("container")["token"]
    context.say("Jupyter's address, with its token, is among the links")
    return {"jupyter": reach.at_address(address, context.settings.spec.part, token, REMOTE_ROOT).rows[0].link}


def token_in(log: str) -> str:
    """Return the token that a Jupyter image has printed, or ''."""
    shown = re.search(r"[?&]token=([0-9a-zA-Z]+)", log)
    return shown.group(1) if shown else ""
