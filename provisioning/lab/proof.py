"""What a leased machine is, looked at by the set-up's own way in, and where it differs from what was expected of it.

Left out: names of people, accounts, projects, leases and hosts; addresses, keys, tokens, identifiers, serial numbers;
logs and messages, which may hold any of them. ``provisioning.sites.proofs`` refuses a file that holds one.
"""

import hashlib
import re
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labs.shell import msl
from provisioning import lab
from provisioning.planning.refused import refusals
from provisioning.setup import transfer
from provisioning.setup.context import StepContext
from provisioning.setup.run import Run
from provisioning.setup.software import script_command
from provisioning.sites import images
from provisioning.sites.proofs import SECRET, Proof, StepTime
from provisioning.sites.spec import Part, SiteOption, resource_name
from provisioning.testbed.errors import ProvisioningError
from provisioning.testbed.surroundings import rehearsing

_COUNTS = {"one": 1, "two": 2, "four": 4}


def prove(part: Part) -> tuple[Path, Proof]:
    """Write down on the part's machine what it is, bring that home with everything else, and return both.

    Raises:
        LeaseMissingError: there is no lease.
        ProvisioningError: its set-up is not done, or the machine does not answer.
    """
    run = lab.prepare(part, lab.find_option(lab.open_testbed, part, resource_name(part)))
    if run.state != "done":
        raise ProvisioningError(
            f"the set-up of {run.settings.name} is not done",
            likely="It has not been begun in this block, or a step of it failed.",
            way_out=f"Run `{msl(f'lease up {part}')}` to its end first.",
        )
    proof = observed(run)
    name = f"workspace/proofs/{'rehearsed-' * proof.rehearsed}{part}-{proof.type}-{proof.date}.json"
    text = proof.model_dump_json(indent=1).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "proof.json"
        path.write_bytes(text)
        machine = lab.running(part, run.testbed)[1]
        transfer.send(run.testbed.shell(machine), path, name, hashlib.sha256(text).hexdigest())
    lab.pull(part, run.testbed)
    return transfer.Home.of_course(lab.ROOT).path(name), proof


def observed(run: Run) -> Proof:
    """Return what the machine of a finished set-up is."""
    settings, record, option = run.settings, run.record, run.settings.option
    context = StepContext(settings, run.testbed, record, "proof", 300.0, lambda _line: None, threading.Event())
    row = images.expected(option.image)
    words = (*row["packages"], "--", *sorted({name for each in row["packages"] for name in images.brought(each)}))
    log = context.follow("proof", script_command(context, "proof.sh", *words), "looking at the machine", again=True)
    told: dict[str, list[str]] = defaultdict(list)
    for line in log.splitlines():
        key, _, value = line.removeprefix("proof ").partition(" ")
        # What a machine says is not trusted to be harmless.
        told[key].append(SECRET.sub("(left out)", value)[:300])
    gpus, packages, versions, lacks = (told.pop(key, []) for key in ("gpu", "package", "version", "lacks"))
    facts = {key: values[0] for key, values in told.items()}
    noted = {step: record.step(step.name) for step in run.plan.steps}
    return Proof(
        rehearsed=rehearsing(),
        date=settings.clock.now().date(),
        **{"part": settings.spec.part, "site": option.site, "type": option.type, "image": row["name"]},
        facts=facts,
        gpus=gpus,
        packages=dict(line.split(" ", 1) for line in packages),
        versions=dict(line.split(" ", 1) for line in versions),
        lacks=lacks,
        steps={
            step.name: StepTime(
                state=one.state, attempts=one.attempts, spent_s=round(one.spent_s, 1), usual_s=step.expected_s
            )
            for step, one in noted.items()
        },
        refused=list(refusals(option.site)),
        deviations=list(_deviations(row, option, facts, len(gpus), lacks)),
    )


def _deviations(
    row: dict[str, Any], option: SiteOption, facts: dict[str, str], gpus: int, lacks: list[str]
) -> Iterator[str]:
    yield from (f"the command {name} is not there" for name in lacks)
    system, driver = facts.get("system", ""), facts.get("driver", "no driver")
    if any(number not in system for number in re.findall(r"\d+\.\d+", row["system"])):
        yield f"system: {system}; expected: {row['system']}"
    branch = next((each.removeprefix("nvidia-driver-") for each in row["packages"] if "nvidia-driver-" in each), "")
    if f" {branch}" not in driver:
        yield f"driver: {driver}; expected: nvidia-driver-{branch}"
    counted = re.search(r"\b(one|two|four)\b", option.hardware)
    if counted and not option.is_edge and gpus != _COUNTS[counted[0]]:
        yield f"GPUs counted: {gpus}; expected: {option.hardware}"
