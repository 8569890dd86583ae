"""What a leased machine is, looked at by the set-up's own way in, and where it differs from what was expected of it.

Left out: names of people, accounts, projects, leases and hosts; addresses, keys, tokens, identifiers, serial numbers;
logs and messages, which may hold any of them. ``provisioning.sites.proofs`` refuses a file that holds one.
"""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labs.shell import msl
from provisioning import lab
from provisioning.planning.refused import refusals
from provisioning.setup.context import StepContext
from provisioning.setup.run import Run
from provisioning.setup.software import script_command
from provisioning.setup.transfer import Home
from provisioning.sites import images
from provisioning.sites.proofs import SECRET, read
from provisioning.sites.spec import Part, SiteOption, resource_name
from provisioning.testbed.errors import ProvisioningError
from provisioning.testbed.surroundings import rehearsing


def prove(part: Part) -> tuple[Path, dict[str, Any]]:
    """Write down what the part's machine is, here and on the machine, from where ``pull`` brings it to any computer.

    Raises:
        ProvisioningError: there is no lease, its set-up is not done, or the machine does not answer.
    """
    run = lab.prepare(part, lab.find_option(lab.open_testbed, part, resource_name(part)))
    if run.state != "done":
        way_out = f"Run `{msl(f'lease up {part}')}` to its end first."
        raise ProvisioningError(
            "The set-up is not done", likely="A step was not run, or failed.", way_out=way_out
        )
    text = json.dumps(_observed(run), indent=1) + "\n"
    proof = read(text)
    name = f"{'rehearsed-' * proof['rehearsed']}{part}-{proof['type']}-{proof['date']}.json"
    path = Home.of_course(lab.ROOT).path(f"workspace/proofs/{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    lab.push(part, run.testbed)
    return path, proof


def _observed(run: Run) -> dict[str, Any]:
    settings, option = run.settings, run.settings.option
    context = StepContext(
        settings, run.testbed, run.record, "proof", 300.0, lambda _line: None, threading.Event()
    )
    row = images.expected(option.image)
    words = (
        *row["packages"],
        "--",
        *sorted({name for each in row["packages"] for name in images.brought(each)}),
    )
    log = context.follow(
        "proof", script_command(context, "proof.sh", *words), "looking at the machine", again=True
    )
    observed: dict[str, list[str]] = {"gpu": [], "version": [], "lacks": []}
    for line in log.splitlines():
        key, _, value = line.removeprefix("proof ").partition(" ")
        # What a machine says is not trusted to be harmless.
        observed.setdefault(key, []).append(SECRET.sub("(left out)", value)[:300])
    gpus, versions, lacks = (observed.pop(key) for key in ("gpu", "version", "lacks"))
    facts = {key: values[0] for key, values in observed.items()}
    steps = {}
    for step, noted in ((step, run.record.step(step.name)) for step in run.plan.steps):
        steps[step.name] = {
            "attempts": noted.attempts,
            "spent_s": round(noted.spent_s, 1),
            "usual_s": step.expected_s,
        }
    return {
        **{
            "rehearsed": rehearsing(),
            "date": f"{settings.clock.now():%Y-%m-%d}",
            "part": settings.spec.part,
        },
        **{
            "site": option.site,
            "type": option.type,
            "image": row["name"],
            "facts": facts,
            "gpus": gpus,
        },
        **{
            "versions": dict(line.split(" ", 1) for line in versions),
            "lacks": lacks,
            "steps": steps,
        },
        "refused": list(refusals(option.site)),
        "deviations": list(_deviations(row, option, facts, len(gpus))),
    }


def _deviations(
    row: dict[str, Any], option: SiteOption, facts: dict[str, str], gpus: int
) -> Iterator[str]:
    system, driver = facts["system"], facts.get("driver", "no driver")
    if any(number not in system for number in re.findall(r"\d+\.\d+", row["system"])):
        yield f"system: {system}; expected: {row['system']}"
    branch = next(
        (
            each.removeprefix("nvidia-driver-")
            for each in row["packages"]
            if "nvidia-driver-" in each
        ),
        "",
    )
    if f" {branch}" not in driver:
        yield f"driver: {driver}; expected: nvidia-driver-{branch}"
    counted = re.search(r"\b(one|two|four)\b", option.hardware)
    if counted and not option.is_edge and gpus != {"one": 1, "two": 2, "four": 4}[counted[1]]:
        yield f"GPUs counted: {gpus}; expected: {option.hardware}"
