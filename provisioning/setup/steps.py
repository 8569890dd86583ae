"""The visible list of provisioning steps for each kind of machine."""

from collections.abc import Set

from labs.sites.spec import PartSpec, SiteOption
from provisioning.setup import machine, software
from provisioning.setup.plan import SetupStep, StepBody

#: name, title, needs, body, time-out in seconds. Materials carry the scripts, so everything on the
#: machine needs them. The first script stops automatic updates, which could change the driver.
#: Nothing is installed before that sees a GPU; environment, data and Docker do not need one another
#: and run side by side. Two steps only begin what goes on on the machine while the student reads,
#: and nothing needs them: execution providers, and part 3's containers.
Row = tuple[str, str, tuple[str, ...], StepBody, float]

_ENVIRONMENT = software.scripted("environment", "making the environment")
_UPDATES = software.scripted("updates", "stopping automatic updates")
_DRIVERS = software.scripted("drivers", "looking for the GPU")
_DOCKER = software.scripted("docker", "installing Docker")
_PROVIDERS = software.begun("providers", "the execution providers' environments")
_CONTAINERS = software.begun("containers", "NVIDIA's Triton")

NODE_STEPS: tuple[Row, ...] = (
    ("lease", "Lease is active", (), machine.lease_active, 900),
    ("server", "Server boots", ("lease",), machine.server_active, 1800),
    ("address", "Floating IP is bound", ("server",), machine.address_bound, 300),
    ("access", "SSH is let in", ("server",), machine.ssh_let_in, 300),
    ("ssh", "SSH answers", ("address", "access"), machine.ssh_answers, 900),
    ("materials", "Course is copied", ("ssh",), software.materials_copied, 600),
    ("updates", "Updates are stopped", ("materials",), _UPDATES, 1800),
    ("drivers", "The driver sees a GPU", ("updates",), _DRIVERS, 120),
    ("environment", "Python environment", ("drivers",), _ENVIRONMENT, 1800),
    ("data", "Pictures and model", ("materials",), software.data_copied, 1200),
    ("work", "Your work arrives", ("materials",), software.work_brought, 900),
    ("docker", "Docker", ("drivers",), _DOCKER, 1200),
    ("providers", "Providers, in the background", ("environment",), _PROVIDERS, 120),
    ("containers", "Triton, in the background", ("docker",), _CONTAINERS, 120),
    (
        "services",
        "Jupyter",
        ("environment", "docker", "data", "work"),
        software.services_started,
        600,
    ),
    ("health", "Everything answers", ("services",), software.healthy, 300),
    ("links", "Links", ("health",), software.node_links, 60),
)
#: Steps that only another part on a node needs, and that bare metal does not need: its own firewall
#: lets SSH in. A machine of one's own has an address, and set-up changes nothing of its system.
_NOT_OF = {
    "model": ("docker", "containers"),
    "edge": ("docker", "containers", "providers", "services"),
    "system": ("providers",),
    "node": ("access",),
    "own": ("address", "access", "updates", "drivers", "docker"),
}

EDGE_STEPS: tuple[Row, ...] = (
    ("lease", "Lease is active", (), machine.lease_active, 900),
    ("container", "Container starts", ("lease",), machine.container_running, 900),
    ("address", "Floating IP is bound", ("container",), machine.address_bound, 300),
    ("materials", "Course is copied", ("container",), software.materials_copied, 900),
    ("environment", "Python environment", ("materials",), _ENVIRONMENT, 1800),
    ("data", "Pictures and model", ("materials",), software.data_copied, 1800),
    ("work", "Your work arrives", ("materials",), software.work_brought, 900),
    ("health", "Everything answers", ("environment", "data", "work"), software.healthy, 300),
    ("links", "Links", ("health", "address"), software.container_links, 60),
)


def steps_for(spec: PartSpec, option: SiteOption) -> tuple[SetupStep, ...]:
    """Return the steps that bring up a part on an option, in an order in which they can run."""
    left_out = {*_NOT_OF.get(spec.part, ()), *_NOT_OF.get(option.resource, ())}
    steps = []
    for name, title, all_needs, body, timeout_s in EDGE_STEPS if option.is_edge else NODE_STEPS:
        if name in left_out:
            continue
        needs = _remaining(all_needs, left_out)
        usual_s = spec.expected_s.get(name, 30.0)
        if name in ("server", "container"):
            usual_s = option.boot_s
            timeout_s = option.boot_timeout_s
        expected_s = option.seen_s.get(name, usual_s)
        steps.append(SetupStep(name, title, needs, body, expected_s, timeout_s))
    return tuple(steps)


def _remaining(needs: tuple[str, ...], left_out: Set[str]) -> tuple[str, ...]:
    """Return needs, in which those of a step that is left out take its place."""
    remaining: dict[str, None] = {}
    needs_of = {name: its_needs for name, _, its_needs, _, _ in NODE_STEPS}
    for need in needs:
        if need not in left_out:
            remaining[need] = None
        else:
            remaining |= dict.fromkeys(_remaining(needs_of[need], left_out))
    return tuple(remaining)
