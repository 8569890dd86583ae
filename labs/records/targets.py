"""The manager's three targets, and what the AMD edition asks of its GPU; ``labs.records.decision`` judges by them."""

from dataclasses import dataclass

from labs.records.options import LARGER_IS_BETTER


@dataclass(frozen=True)
class Target:
    """What one way of serving must reach; None where nothing is asked."""

    #: Stable name: 'server-cpu', 'server-gpu' or 'device'.
    name: str
    title: str
    machine: str
    #: Median latency of a single picture must be below this, in seconds.
    p50_s: float
    #: Pictures a second in a batch, at least.
    batch_fps: float | None = None
    #: Size of the model's file must be below this, in bytes.
    size_bytes: int | None = None


#: Share of right answers that an option may lose against float32, 3 points: it is 'kept' if the *lower* end of the
#: interval of its difference stays above minus this (``labs.stats.Paired.kept``), else its accuracy is 'not shown'.
#: It is what the course's 182 drawings resolve: an option that answers differently on 5 % of them, as often better as
#: worse, has an interval of about 3 points to each side. Fewer drawings have wider intervals, so fewer options pass.
MAY_LOSE = 0.03

TARGETS: tuple[Target, ...] = (
    Target("server-cpu", "Server, CPU", "AMD EPYC 7763", p50_s=3e-3, batch_fps=1000),
    Target("server-gpu", "Server, GPU", "NVIDIA A100 or A30", p50_s=1e-3, batch_fps=5000),
    Target("device", "On device", "Raspberry Pi 5, 4 × Cortex-A76", p50_s=15e-3, size_bytes=5_000_000),
)

#: Targets of machine classes that have their own, by a word in the machine's name; each replaces the one of its name.
#: Source: the AMD edition (March 2026) of https://teaching-on-testbeds.github.io/serve-model-chi/
OF_CLASS: dict[str, tuple[Target, ...]] = {
    "MI100": (Target("server-gpu", "Server, GPU", "AMD MI100", p50_s=1.5e-3, batch_fps=2500),),
}


def targets_for(machine: str) -> tuple[Target, ...]:
    """Return the three targets for options of a machine (``Fingerprint.label``): its class's own where it has one."""
    own = {one.name: one for word, targets in OF_CLASS.items() if word in machine for one in targets}
    return tuple(own.get(one.name, one) for one in TARGETS)


def target(name: str) -> Target:
    """Return a target by name: 'server-cpu', 'server-gpu' or 'device'.

    Raises:
        KeyError: There is none of that name.
    """
    return {one.name: one for one in TARGETS}[name]


#: Providers, and torch's device, that compute on a GPU.
GPU_PROVIDERS = frozenset(
    {"CUDAExecutionProvider", "TensorrtExecutionProvider", "MIGraphXExecutionProvider", "ROCMExecutionProvider", "cuda"}
)


def limits(target: Target) -> dict[str, float]:
    """Return the target's limits by the number that they bound: a floor where larger is better, else a ceiling."""
    return {number: at for number in LARGER_IS_BETTER if (at := getattr(target, number)) is not None}
