"""The manager's three targets, and the AMD edition's target for its GPU; ``labs.records.decision``
judges by them.
"""

import re
from dataclasses import dataclass

from labs.machine.fingerprint import Fingerprint
from labs.records.options import LARGER_IS_BETTER


@dataclass(frozen=True)
class ServingTarget:
    """The limits of one target; None where nothing is asked."""

    #: Stable name: 'server-cpu', 'server-gpu' or 'device'.
    name: str
    title: str
    #: The machine that it is set for, in words.
    machine: str
    #: Names of that machine's processor, or of its GPU; any of them is the right one.
    processors: tuple[str, ...]
    #: Median latency of a single picture must be below this, in seconds.
    p50_s: float
    #: Pictures a second in a batch, at least.
    batch_fps: float | None = None
    #: Size of the model's file must be below this, in bytes.
    size_bytes: int | None = None

    def is_for(self, machine: Fingerprint) -> bool:
        """Return whether a machine's figure counts for the target, and is no rehearsal.

        A server must have the right processor and be leased: a virtual machine elsewhere may show
        the same processor and have two of its threads. A container at CHI@Edge cannot see its
        lease, so its cores alone tell a board.
        """
        if machine.emulator or machine.testbed.get("site") == "rehearsal":
            return False
        if not machine.is_leased and self.name != "device":
            return False
        if self.name == "server-gpu":
            return any(self._is_processor(gpu.name) for gpu in machine.gpus)
        return self._is_processor(machine.cpu_model)

    def _is_processor(self, name: str) -> bool:
        """Return whether a name holds the name of one of the right processors."""
        return any(re.search(rf"\b{processor}\b", name) for processor in self.processors)


#: Share of right answers that an option may lose against float32, 3 points: it is 'kept' if the
#: *lower* end of the interval of its difference stays above minus this
#: (``labs.stats.Paired.kept``), else its accuracy is 'not shown'. It is what the course's 182
#: drawings resolve: an option that answers differently on 5 % of them, as often better as worse,
#: has an interval of about 3 points to each side. Fewer drawings have wider intervals, so fewer
#: options pass.
MAY_LOSE = 0.03

_SERVER_CPU = ServingTarget(
    name="server-cpu",
    title="Server, CPU",
    machine="AMD EPYC 7763",
    processors=("EPYC 7763",),
    p50_s=3e-3,
    batch_fps=1000,
)
_SERVER_GPU = ServingTarget(
    name="server-gpu",
    title="Server, GPU",
    machine="NVIDIA A100 or A30",
    processors=("A100", "A30"),
    p50_s=1e-3,
    batch_fps=5000,
)
_DEVICE = ServingTarget(
    name="device",
    title="On device",
    machine="Raspberry Pi 5, 4 × Cortex-A76",
    processors=("Cortex-A76",),
    p50_s=15e-3,
    size_bytes=5_000_000,
)

TARGETS: tuple[ServingTarget, ...] = (_SERVER_CPU, _SERVER_GPU, _DEVICE)

_SERVER_MI100 = ServingTarget(
    name="server-gpu",
    title="Server, GPU",
    machine="AMD MI100",
    processors=("MI100",),
    p50_s=1.5e-3,
    batch_fps=2500,
)

#: Targets of machine classes that have their own, by a word in the machine's name; each replaces
#: the one of its name. Source: the AMD edition (March 2026) of
#: https://teaching-on-testbeds.github.io/serve-model-chi/
OF_CLASS: dict[str, tuple[ServingTarget, ...]] = {"MI100": (_SERVER_MI100,)}


def targets_for(machine: str) -> tuple[ServingTarget, ...]:
    """Return the three targets for a machine's label, its class's own where it has one."""
    by_name = {target.name: target for target in TARGETS}
    for word, targets in OF_CLASS.items():
        if word in machine:
            by_name |= {target.name: target for target in targets}
    return tuple(by_name.values())


def target(name: str) -> ServingTarget:
    """Return a target by name: 'server-cpu', 'server-gpu' or 'device'.

    Raises:
        KeyError: There is none of that name.
    """
    return {target.name: target for target in TARGETS}[name]


@dataclass(frozen=True)
class NetworkLimit:
    """The largest figures of a network that may be trained for one place."""

    #: Its time for one photo over the MobileNetV2's.
    times: float
    #: Its size, in million weights: at one byte each, as many as its file has megabytes.
    million_weights: float = float("inf")


#: Limits of *Choose an architecture*, whose text states them, by the place that serves the network.
NETWORK_LIMITS = {
    "server": NetworkLimit(times=20),
    "device": NetworkLimit(times=1, million_weights=(_DEVICE.size_bytes or 0) / 1e6),
}

#: Shares of right answers that the files of *An accuracy budget* may lose on the validation photos.
BUDGETS = {"int8-budget-05": 0.05, "int8-budget-01": 0.01}

#: Providers, and torch's device, that compute on a GPU.
GPU_PROVIDERS = frozenset(
    {
        "CUDAExecutionProvider",
        "TensorrtExecutionProvider",
        "MIGraphXExecutionProvider",
        "ROCMExecutionProvider",
        "cuda",
    }
)


def limits(target: ServingTarget) -> dict[str, float]:
    """Return a target's limits by number: a floor where larger is better, else a ceiling."""
    bounds = {number: getattr(target, number) for number in LARGER_IS_BETTER}
    return {number: bound for number, bound in bounds.items() if bound is not None}
