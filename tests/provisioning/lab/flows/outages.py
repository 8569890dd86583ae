"""Each outage: what every command and widget says, by outage and command. Arguments: user, course."""

import http.server
import json
import os
import socket
import sys
import tempfile
import threading
from datetime import timedelta
from pathlib import Path

import chi
import chi.hardware
from typer.testing import CliRunner

from provisioning import lab, rehearsal
from provisioning.__main__ import app as provisioning
from provisioning.chameleon import adapter
from provisioning.front.command import app
from provisioning.lab import facts
from provisioning.lab.device import leased, open_device
from provisioning.rehearsal import place
from provisioning.sites.spec import load_spec
from provisioning.testbed.surroundings import site_clock
from provisioning.widgets import planner

user = sys.argv[1]
roster = Path(tempfile.mkdtemp()) / "roster.csv"
roster.write_text(f"username,left\n{user},\ncyd,\nbob,gone\n")
environment, sites, api = dict(os.environ), {}, chi.context.RESOURCE_API_URL
found = {}


def command(*words, program=app):
    """Return exit code and words of ``msl``, or of the other program."""
    done = CliRunner().invoke(program, [*map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def cell(act):
    """Return 1 and what a notebook shows of an error of this room, or 0 and what the cell shows."""
    try:
        return 0, str(act())
    except Exception as error:
        # Any other has a traceback, which nobody wants to see.
        return 1, "\n".join(error._render_traceback_())


def first_cell():
    """Return what the first cell of a lesson says in Chameleon's own Jupyter."""
    os.environ["OS_ACCESS_TOKEN"] = "somebody's"
    ports = os.environ.pop("REHEARSAL_PORTS", None)
    try:
        return rehearsal.use()
    finally:
        del os.environ["OS_ACCESS_TOKEN"]
        if ports:
            os.environ["REHEARSAL_PORTS"] = ports


later = (site_clock().now() + timedelta(days=9)).replace(
    minute=0, second=0, microsecond=0, tzinfo=None
)
WAYS = {
    "plan": lambda: command("lease", "plan", "model"),
    "reserve": lambda: command("lease", "reserve", "model"),
    "up": lambda: command("lease", "up", "model"),
    "forward": lambda: command("lease", "forward", "model"),
    "push": lambda: command("lease", "push", "model"),
    "pull": lambda: command("pull", "model"),
    "release": lambda: command("lease", "release", "model"),
    "sweep": lambda: command("lease", "sweep"),
    "class plan": lambda: command(
        "class", "plan", "model", roster, "--until", later, "--zone", "UTC"
    ),
    "class watch": lambda: command("class", "watch", "model", roster),
    "class no-shows": lambda: command("class", "no-shows", "model", roster),
    "class extend": lambda: command("class", "extend", "model", user),
    "class extend cyd": lambda: command("class", "extend", "model", "cyd"),
    "class move": lambda: command("class", "move", "model", user, "--to", later, "--zone", "UTC"),
    "class drop": lambda: command("class", "drop", "model", roster),
    "python -m": lambda: command("plan", "model", program=provisioning),
    "planner": lambda: cell(lambda: planner("model").text),
    "planner.reserve": lambda: cell(lambda: planner("model").reserve()),
    "leased": lambda: cell(lambda: leased("model")[0].name),
    "open_device": lambda: cell(open_device),
    "facts": lambda: cell(lambda: facts.of_lease(lab.open_testbed(option.site), "model")),
    "first cell": lambda: cell(first_cell),
}


def arm(fault):
    place.ask(Path(environment["REHEARSAL_HOME"]), "POST", "/faults", {"fault": f"{fault}:always"})


def lead_to(address):
    """Let every site and the list of sites lie at another address."""
    chi.context.RESOURCE_API_URL = chi.hardware.RESOURCE_API_URL = address
    chi.context._sites = {
        name: {**site, "web": f"{address}/{site.get('uid')}"} for name, site in sites.items()
    }


def no_credentials():
    for name in [name for name in os.environ if name.startswith(("OS_", "REHEARSAL_"))]:
        del os.environ[name]


def without_list():
    lead_to(f"http://127.0.0.1:{closed}")
    chi.context._sites = {}


class Portal(http.server.BaseHTTPRequestHandler):
    """Answers everything with a page, as a network does that wants somebody to sign in."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html><body>Welcome! Please accept our terms.</body></html>")

    do_POST = do_GET  # noqa: N815 - the server looks for this name

    def log_message(self, *_):
        """Say nothing."""


portal = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Portal)
threading.Thread(target=portal.serve_forever, daemon=True).start()
deaf = socket.create_server(("127.0.0.1", 0))
with socket.create_server(("127.0.0.1", 0)) as once:
    closed = once.getsockname()[1]

#: Where something still works, what would go on with it for minutes is left out.
SOME = {
    # In Chameleon's own Jupyter there are some.
    "no credentials": [way for way in WAYS if way != "first cell"],
    "maintenance elsewhere": [
        *("plan", "reserve", "sweep", "class plan", "class watch", "class no-shows"),
        *("class extend cyd", "planner", "leased", "facts"),
    ],
    "unread calendar": [
        "plan",
        "reserve",
        "class plan",
        "class move",
        "planner",
        "planner.reserve",
        "leased",
    ],
}
OUTAGES = {
    "no credentials": no_credentials,
    "expired token": lambda: arm("token-401"),
    "maintenance": lambda: arm("maintenance"),
    "maintenance elsewhere": lambda: arm("maintenance/tacc"),
    "unread calendar": lambda: arm("no-calendar"),
    "nothing listens": lambda: lead_to(f"http://127.0.0.1:{closed}"),
    "nothing answers": lambda: lead_to(f"http://127.0.0.1:{deaf.getsockname()[1]}"),
    "no list of sites": without_list,
    "a page for people": lambda: lead_to(f"http://127.0.0.1:{portal.server_port}"),
}

sites = dict(chi.context.list_sites())
option = load_spec("model").options[1]
adapter._PATIENCE_S = (5, 90)
for outage, begin in OUTAGES.items():
    testbed = lab.open_testbed(option.site)
    if not any(lease.status in ("ACTIVE", "PENDING") for lease in testbed.leases()):
        lab.reserve(testbed, "model", option, None, site_clock().now() + timedelta(hours=3), None)
    if outage == "nothing answers":
        adapter._PATIENCE_S = (5, 0.2)
    begin()
    found[outage] = {}
    for way in SOME.get(outage, WAYS):
        # As in a new kernel: a session keeps its token.
        chi.context._session = None
        chi.context.set("region_name", "nowhere")
        found[outage][way] = WAYS[way]()
    os.environ.update(environment)
    adapter._PATIENCE_S = (5, 90)
    place.ask(place.folder(), "DELETE", "/faults")
    chi.context.RESOURCE_API_URL = chi.hardware.RESOURCE_API_URL = api
    chi.context._sites = {}
    chi.context.set("region_name", "nowhere")
print("RESULT " + json.dumps(found))
