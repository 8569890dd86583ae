"""Describe a leased machine and the progress of its set-up, over the set-up's own connection.

A failed set-up is the most valuable one, so you can write a proof at any state. It holds the
record's facts about each step, and the output of the machine's jobs, including those in the
background. If the machine answers, it also holds the machine's description of itself.

Everywhere, a word for the kind replaces known names of people, accounts, projects, leases and
hosts. Remaining addresses, keys and identifiers are cut out, and ``labs.sites.proofs`` refuses a
file that holds one.
"""

import contextlib
import getpass
import json
import os
import pwd
import re
import shlex
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labs.course.roster import owner_name
from labs.sites import images
from labs.sites.proofs import SECRET, read
from labs.sites.spec import Part, SiteOption, load_spec, resource_name
from provisioning import lab
from provisioning.planning.refused import refusals
from provisioning.setup.jobs import script
from provisioning.setup.record import Record, StepRecord
from provisioning.setup.run import SetupRun
from provisioning.setup.transfer import Home
from provisioning.testbed import Shell
from provisioning.testbed.errors import (
    CommandFailedError,
    LeaseMissingError,
    ProvisioningError,
    ServiceBusyError,
)
from provisioning.testbed.surroundings import rehearsing, site_clock

#: Lines of a job's log, and characters of a step's error, that a proof keeps.
TAIL_LINES = 15
ERROR_CHARACTERS = 800

#: Keys of ``proof.sh`` that count as facts; what else a machine prints is none.
_FACTS = (
    "system",
    "kernel",
    "processor",
    "memory",
    "disk",
    "driver",
    "firewall",
    "network",
)
#: Those that a machine may print several times.
_LISTS = ("gpu", "version", "lacks")

_JOB = re.compile(
    r"job (?P<name>[\w-]+) (?P<state>ended|running|lost|unclear) (?P<code>-|\d+) "
    r"(?P<seconds>-?\d+)"
)
_REPORT = re.compile(r"report (?P<key>\w+)=(?P<value>.*)")

#: Variables that name a person, an account or a project.
_NAMING_VARIABLES = {
    "OS_USERNAME": "(user)",
    "OS_USER_ID": "(user)",
    "NB_USER": "(user)",
    "USER": "(user)",
    "OS_PROJECT_NAME": "(project)",
    "OS_PROJECT_ID": "(project)",
    "OS_KEYPAIR_PRIVATE_KEY": "(key)",
    "OS_KEYPAIR_PUBLIC_KEY": "(key)",
}
#: Accounts that are in the images, so they name no person.
_ACCOUNTS_OF_IMAGES = frozenset({"cc", "jovyan", "ubuntu"})


def prove(part: Part) -> tuple[Path, dict[str, Any]]:
    """Write down what the part's machine is and how its set-up went; ``pull`` brings it to any
    computer from a machine that answers.

    Raises:
        ProvisioningError: no set-up of the part has begun here, and there is no lease.
    """
    run = lab.prepare(part, _option(part))
    document = _observed(run)
    text = json.dumps(document, indent=1) + "\n"
    proof = read(text)
    name = f"{part}-{proof['type']}-{proof['date']}"
    if proof["state"] != "done":
        name += f"-{proof['state']}"
    if proof["rehearsed"]:
        name = f"rehearsed-{name}"
    path = Home.of_course(lab.ROOT).path(f"workspace/proofs/{name}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if not proof["silent"]:
        # It is here already; whether it is also on the machine changes nothing for a set-up that
        # failed.
        with contextlib.suppress(ProvisioningError):
            lab.push(part, run.testbed, say=lambda _line: None)
    return path, proof


@contextlib.contextmanager
def recorded(part: Part) -> Iterator[Path]:
    """Record the site's answers during the block; yield the file that receives them at its end,
    also after a failure.
    """
    # Imports requests; only here is it needed.
    from provisioning.chameleon.recorder import Recorder

    date = f"{site_clock().now():%Y-%m-%d}"
    name = f"{part}-{date}-answers.json"
    if rehearsing():
        name = f"rehearsed-{name}"
    path = Home.of_course(lab.ROOT).path(f"workspace/proofs/{name}")
    recorder = Recorder()
    try:
        with recorder.listening():
            yield path
    finally:
        about = {"rehearsed": rehearsing(), "date": date, "part": part}
        text = json.dumps({**about, "calls": recorder.calls()}, indent=1)
        names = dict(_own_names(resource_name(part)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(harmless(text, names) + "\n", encoding="utf-8")


def _option(part: Part) -> SiteOption:
    """Return the option of the part's lease, or of its last set-up, whose lease may have ended."""
    name = resource_name(part)
    try:
        return lab.find_option(lab.open_testbed, part, name)
    except LeaseMissingError:
        about = Record.for_name(name).about
        for option in load_spec(part).options:
            if (option.site, option.type) == (about.get("site"), about.get("type")):
                return option
        raise


def _observed(run: SetupRun) -> dict[str, Any]:
    settings = run.settings
    option = settings.option
    image = images.expected(option.image)
    names = dict(_names(run))
    seen: dict[str, list[str]] = {}
    jobs: dict[str, Any] = {}
    silent = ""
    try:
        shell = run.testbed.shell(_machine(run, names))
        jobs = _jobs(shell, names)
        seen = _looked_at(shell, run, image["packages"], names)
    except ProvisioningError as error:
        silent = harmless(error.what, names)[:ERROR_CHARACTERS]
    gpus = seen.get("gpu", [])
    facts = {key: seen[key][0] for key in _FACTS if key in seen}
    steps = {}
    for step in run.plan.steps:
        steps[step.name] = _step(run.record.step(step.name), step.expected_s, names)
    proof: dict[str, Any] = {
        "rehearsed": rehearsing(),
        "date": f"{settings.clock.now():%Y-%m-%d}",
        "part": settings.spec.part,
        "site": option.public_site,
        "type": option.type,
        "image": image["name"],
        "state": _state(steps),
    }
    versions = [line.split(" ", 1) for line in seen.get("version", [])]
    proof |= {"facts": facts, "gpus": gpus, "versions": dict(versions)}
    proof |= {"lacks": seen.get("lacks", []), "steps": steps, "jobs": jobs, "silent": silent}
    proof["refused"] = [harmless(line, names) for line in refusals(option.site)]
    proof["deviations"] = list(_deviations(image, option, facts, len(gpus))) if facts else []
    return proof


def _state(steps: Mapping[str, Mapping[str, Any]]) -> str:
    states = {step["state"] for step in steps.values()}
    if states == {"done"}:
        return "done"
    return "failed" if "failed" in states else "unfinished"


def _step(noted: StepRecord, usual_s: float, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "state": noted.state,
        "attempts": noted.attempts,
        "spent_s": round(noted.spent_s, 1),
        "usual_s": usual_s,
        "error": harmless(noted.error, names)[:ERROR_CHARACTERS],
    }


def _machine(run: SetupRun, names: dict[str, str]) -> Any:
    """Return the machine in any status, and add its names to the known ones.

    Raises:
        ServiceBusyError: there is none.
    """
    name = run.settings.name
    for machine in run.testbed.machines():
        if machine.name == name:
            names |= dict.fromkeys([machine.id], "(machine)")
            names |= dict.fromkeys(machine.addresses, "(address)")
            way = run.testbed.way(machine)
            if way is not None:
                names[way.user] = "(user)"
            return machine
    raise ServiceBusyError("there is no machine")


def _own_names(name: str) -> Iterator[tuple[str, str]]:
    """Yield this computer's names for its user and the user's things, with their kinds."""
    yield name, "(name)"
    yield owner_name(), "(user)"
    yield getpass.getuser(), "(user)"
    # getuser trusts variables such as LOGNAME, which may hold another name than the account's. A
    # container's user may have a number and no account.
    with contextlib.suppress(KeyError):
        yield pwd.getpwuid(os.getuid()).pw_name, "(user)"
    yield socket.gethostname(), "(host)"
    yield str(Path.home()), "(home)"
    for variable, label in _NAMING_VARIABLES.items():
        yield os.environ.get(variable, ""), label


def _names(run: SetupRun) -> Iterator[tuple[str, str]]:
    """Yield every known name of a person or a person's things, with its kind."""
    yield from _own_names(run.settings.name)
    for step in run.record.steps().values():
        for key in ("lease_id", "reservation_id", "machine_id", "address"):
            yield str(step.facts.get(key, "")), f"({key.removesuffix('_id')})"
    try:
        leases = run.testbed.leases()
    except ProvisioningError:
        return
    for lease in leases:
        yield lease.id, "(lease)"
        yield lease.name, "(name)"
        if lease.name == run.settings.name:
            yield lease.node, "(node)"


def harmless(text: str, names: Mapping[str, str]) -> str:
    """Return a text without the known names, and without what looks like an address or a key."""
    known = [name for name in names if name and name not in _ACCOUNTS_OF_IMAGES]
    # The longest first: a lease's name contains its owner's.
    known.sort(key=len, reverse=True)
    if known:
        alternatives = "|".join(re.escape(name) for name in known)
        whole_words = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")
        text = whole_words.sub(lambda match: names[match[0]], text)
    return SECRET.sub("(left out)", text)


def _jobs(shell: Shell, names: dict[str, str]) -> dict[str, Any]:
    """Return what each job on the machine came to, by name; and learn the machine's host name."""
    host = shell.run("hostname 2> /dev/null || uname -n").output.strip()
    names[host] = "(host)"
    names[host.partition(".")[0]] = "(host)"
    done = shell.run(script("jobs", lines=TAIL_LINES), timeout_s=60)
    jobs: dict[str, Any] = {}
    job: dict[str, Any] = {}
    for line in done.output.splitlines():
        if match := _JOB.fullmatch(line):
            code = None if match["code"] == "-" else int(match["code"])
            job = {"state": match["state"], "exit_code": code, "seconds": int(match["seconds"])}
            job |= {"reports": {}, "tail": []}
            jobs[match["name"]] = job
        elif job and (report := _REPORT.fullmatch(line)):
            job["reports"][report["key"]] = harmless(report["value"], names)[:300]
        elif job and line.startswith("| "):
            job["tail"].append(harmless(line[2:], names))
    return jobs


def _looked_at(
    shell: Shell, run: SetupRun, packages: list[str], names: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return the machine's description of itself: the values of each known key, in its order.

    The script is copied, since a set-up may have failed before the course was.
    """
    option = run.settings.option
    commands: set[str] = set()
    for package in packages:
        commands.update(images.brought(package))
    shell.run("mkdir -p .serving-labs")
    shell.put(lab.ROOT / "provisioning/node/bin/proof.sh", ".serving-labs/proof.sh")
    words = ["bash", ".serving-labs/proof.sh", option.machine, run.settings.spec.part]
    words += [*packages, "--", *sorted(commands)]
    # A login shell of the CUDA image sets LD_LIBRARY_PATH, and the environment brings its own CUDA.
    done = shell.run(f"env -u LD_LIBRARY_PATH {shlex.join(words)}", timeout_s=300)
    if done.exit_code != 0:
        last_output = done.output.strip()[-300:]
        raise CommandFailedError(f"proof.sh ended with {done.exit_code}: {last_output}")
    values: dict[str, list[str]] = {}
    for line in done.output.splitlines():
        mark, _, rest = line.partition(" ")
        key, _, value = rest.partition(" ")
        if mark == "proof" and key in _FACTS + _LISTS:
            values.setdefault(key, []).append(harmless(value, names)[:300])
    return values


#: How a machine's description counts its GPUs.
_NUMBERS = {"one": 1, "two": 2, "four": 4}


def _deviations(
    image: dict[str, Any], option: SiteOption, facts: dict[str, str], gpus: int
) -> Iterator[str]:
    system = facts["system"]
    numbers = re.findall(r"\d+\.\d+", image["system"])
    if any(number not in system for number in numbers):
        yield f"system: {system}; expected: {image['system']}"
    driver = facts.get("driver", "no driver")
    drivers = [package for package in image["packages"] if "nvidia-driver-" in package]
    branch = drivers[0].removeprefix("nvidia-driver-") if drivers else ""
    if f" {branch}" not in driver:
        yield f"driver: {driver}; expected: nvidia-driver-{branch}"
    count_word = re.search(r"\b(one|two|four)\b", option.hardware)
    if count_word and not option.is_edge and gpus != _NUMBERS[count_word[1]]:
        yield f"GPUs counted: {gpus}; expected: {option.hardware}"
