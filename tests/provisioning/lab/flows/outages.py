"""Each outage: the message of every command and widget, by outage and command. Arguments: user,
course.
"""

import http.server
import json
import os
import socket
import sys
import tempfile
import threading
from datetime import timedelta
from functools import partial
from pathlib import Path

import chi
import chi.hardware
from typer.testing import CliRunner

from chameleon_rehearsal.testing import ask
from labs.sites.spec import load_spec
from provisioning import lab
from provisioning.__main__ import app as provisioning
from provisioning.chameleon import adapter
from provisioning.front.command import app
from provisioning.lab import facts, rehearsal
from provisioning.lab.device import leased, open_device
from provisioning.testbed.surroundings import site_clock
from provisioning.widgets import planner

user = sys.argv[1]
HOME = Path(os.environ["REHEARSAL_HOME"])
roster = Path(tempfile.mkdtemp()) / "roster.csv"
roster.write_text(f"username,left\n{user},\ncyd,\nbob,gone\n")
environment, sites, api = dict(os.environ), {}, chi.context.RESOURCE_API_URL
answers = {}


def command(*words, program=app):
    """Return exit code and words of ``msl``, or of the other program."""
    done = CliRunner().invoke(program, [*map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def cell(act):
    """Return 1 and the notebook's text for an error of this room, or 0 and the cell's output."""
    try:
        return 0, str(act())
    except Exception as error:
        # Any other exception shows a traceback, which students must not see.
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


in_nine_days = site_clock().now() + timedelta(days=9)
later = in_nine_days.replace(minute=0, second=0, microsecond=0, tzinfo=None)
#: The words of each command of `msl`.
COMMANDS = {
    "plan": ["lease", "plan", "model"],
    "reserve": ["lease", "reserve", "model"],
    "up": ["lease", "up", "model"],
    "forward": ["lease", "forward", "model"],
    "push": ["lease", "push", "model"],
    "pull": ["pull", "model"],
    "release": ["lease", "release", "model"],
    "sweep": ["lease", "sweep"],
    "class plan": ["class", "plan", "model", roster, "--until", later, "--zone", "UTC"],
    "class watch": ["class", "watch", "model", roster],
    "class no-shows": ["class", "no-shows", "model", roster],
    "class extend": ["class", "extend", "model", user],
    "class extend cyd": ["class", "extend", "model", "cyd"],
    "class move": ["class", "move", "model", user, "--to", later, "--zone", "UTC"],
    "class drop": ["class", "drop", "model", roster],
}


def shown_plan():
    return planner("model").text


def planner_reserves():
    return planner("model").reserve()


def leased_name():
    return leased("model")[0].name


def facts_of_lease():
    return facts.of_lease(lab.open_testbed(option.site), "model")


#: What cells call.
CELLS = {
    "planner": shown_plan,
    "planner.reserve": planner_reserves,
    "leased": leased_name,
    "open_device": open_device,
    "facts": facts_of_lease,
    "first cell": first_cell,
}
WAYS = [*COMMANDS, "python -m", *CELLS]


def answer_of(way):
    """Return the exit code and the words of a command or a cell."""
    if way in CELLS:
        return cell(CELLS[way])
    if way == "python -m":
        return command("plan", "model", program=provisioning)
    return command(*COMMANDS[way])


def arm(fault):
    ask(HOME, "POST", "/faults", {"fault": f"{fault}:always"})


def lead_to(address):
    """Let every site and the list of sites lie at another address."""
    chi.context.RESOURCE_API_URL = chi.hardware.RESOURCE_API_URL = address
    chi.context._sites = {}
    for name, site in sites.items():
        web = f"{address}/{site.get('uid')}"
        chi.context._sites[name] = {**site, "web": web}


def no_credentials():
    for name in [name for name in os.environ if name.startswith(("OS_", "REHEARSAL_"))]:
        del os.environ[name]


def without_list():
    lead_to(f"http://127.0.0.1:{closed}")
    chi.context._sites = {}


class Portal(http.server.BaseHTTPRequestHandler):
    """Answers every request with a page, like a network that asks users to sign in."""

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

#: If some services still work, steps that would continue for minutes are left out.
SOME = {
    # In Chameleon's own Jupyter there are some.
    "no credentials": [way for way in WAYS if way != "first cell"],
    "maintenance elsewhere": [
        "plan",
        "reserve",
        "sweep",
        "class plan",
        "class watch",
        "class no-shows",
        "class extend cyd",
        "planner",
        "leased",
        "facts",
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
NOWHERE = f"http://127.0.0.1:{closed}"
DEAF = f"http://127.0.0.1:{deaf.getsockname()[1]}"
PORTAL = f"http://127.0.0.1:{portal.server_port}"
#: The start of each outage.
OUTAGES = {
    "no credentials": no_credentials,
    "expired token": partial(arm, "token-401"),
    "maintenance": partial(arm, "maintenance"),
    "maintenance elsewhere": partial(arm, "maintenance/tacc"),
    "unread calendar": partial(arm, "no-calendar"),
    "nothing listens": partial(lead_to, NOWHERE),
    "nothing answers": partial(lead_to, DEAF),
    "no list of sites": without_list,
    "a page for people": partial(lead_to, PORTAL),
}

sites = dict(chi.context.list_sites())
option = load_spec("model").options[1]
adapter._PATIENCE_S = (5, 90)
for outage, begin in OUTAGES.items():
    testbed = lab.open_testbed(option.site)
    statuses = {lease.status for lease in testbed.leases()}
    if statuses.isdisjoint({"ACTIVE", "PENDING"}):
        end = site_clock().now() + timedelta(hours=3)
        lab.reserve(testbed, "model", option, None, end, None)
    if outage == "nothing answers":
        adapter._PATIENCE_S = (5, 0.2)
    begin()
    answers[outage] = {}
    for way in SOME.get(outage, WAYS):
        # As in a new kernel: a session keeps its token.
        chi.context._session = None
        chi.context.set("region_name", "nowhere")
        answers[outage][way] = answer_of(way)
    os.environ.update(environment)
    adapter._PATIENCE_S = (5, 90)
    ask(HOME, "DELETE", "/faults")
    chi.context.RESOURCE_API_URL = chi.hardware.RESOURCE_API_URL = api
    chi.context._sites = {}
    chi.context.set("region_name", "nowhere")
print("RESULT " + json.dumps(answers))
