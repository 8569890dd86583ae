"""The fingerprint of a machine, stored with every measurement so that a number never travels without its machine.

It holds nothing personal: no host name, no user name, no address. Light: no torch, no onnxruntime.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import platform
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

#: CPU features that decide how fast quantized and vectorized code runs; other flags are noise in a record.
RELEVANT_FLAGS = frozenset(
    "avx avx2 avx512f avx512bw avx512vl avx512_vnni avx_vnni avx512_bf16 avx512_fp16 amx_tile amx_int8 amx_bf16 "
    "fma sse4_2 asimd asimddp asimdhp fphp i8mm bf16 sve sve2".split()
)

#: Chameleon's (OpenStack's) metadata service; answers only on a leased node.
_METADATA_URL = "http://169.254.169.254/openstack/latest/vendor_data.json"


@dataclass(frozen=True)
class Gpu:
    """One GPU as its driver describes it."""

    #: Product name, such as 'NVIDIA A100-PCIE-40GB' or 'AMD Instinct MI100'.
    name: str
    #: The driver's identifier of this very card.
    uuid: str
    memory_bytes: int
    #: CUDA compute capability, such as '8.0'; empty on a card that knows no CUDA.
    compute_capability: str
    driver: str


@dataclass(frozen=True)
class Fingerprint:
    """Where a measurement was made."""

    cpu_model: str
    #: Processor architecture, such as 'x86_64' or 'aarch64'.
    architecture: str
    #: Features out of ``RELEVANT_FLAGS`` that the CPU has, sorted.
    cpu_flags: tuple[str, ...]
    #: How many processors this process may use (affinity, and a container's quota rounded up).
    cpu_count: int
    memory_bytes: int
    system: str
    python: str
    #: GPUs that the driver lists, in its order.
    gpus: tuple[Gpu, ...] = ()
    #: Chameleon's site, cluster and node as the metadata service names them; 'rehearsal' and a rehearsed machine's kind
    #: inside the local testbed; empty elsewhere.
    testbed: dict[str, str] = field(default_factory=dict)
    #: What imitates this processor, such as 'qemu-aarch64'; empty on a real one. The ledger takes no emulated times.
    emulator: str = ""

    @property
    def is_leased(self) -> bool:
        """Whether it is a machine of Chameleon's, and none that plays one in a rehearsal."""
        return self.testbed.get("site", "rehearsal") != "rehearsal"

    @functools.cached_property
    def machine_id(self) -> str:
        """A short hash of what makes runs comparable: processor, its features and count, memory, GPUs and node."""
        same = (
            self.cpu_model,
            self.architecture,
            self.cpu_flags,
            self.cpu_count,
            # The kernel reserves a little more or less at each boot: whole GiB are enough to tell machines apart.
            round(self.memory_bytes / 2**30),
            [gpu.uuid for gpu in self.gpus],
            sorted(self.testbed.items()),
            *([self.emulator] if self.emulator else []),
        )
        return hashlib.sha256(json.dumps(same).encode()).hexdigest()[:12]

    @property
    def cuda_gpus(self) -> tuple[Gpu, ...]:
        """The cards that run CUDA; AMD's are not among them."""
        return tuple(gpu for gpu in self.gpus if gpu.compute_capability)

    @property
    def label(self) -> str:
        """One line that a person recognizes the machine by."""
        parts = [f"{self.cpu_model} × {self.cpu_count}", *(gpu.name for gpu in self.gpus)]
        remarks = [
            self.testbed.get("node", ""),
            f"emulated by {self.emulator}" if self.emulator else "",
        ]
        return ", ".join(parts) + "".join(f" ({remark})" for remark in remarks if remark)

    def to_json(self) -> dict:
        """Return the fingerprint as plain JSON values."""
        return {**asdict(self), "cpu_flags": list(self.cpu_flags), "machine_id": self.machine_id}

    @classmethod
    def from_json(cls, values: dict) -> Fingerprint:
        """Return the fingerprint that ``to_json`` wrote; unknown keys are ignored."""
        kept = {name: values[name] for name in names_of(cls) if name in values}
        kept["cpu_flags"] = tuple(kept.get("cpu_flags", ()))
        kept["gpus"] = tuple(Gpu(**gpu) for gpu in kept.get("gpus", ()))
        return cls(**kept)


_NAMES: dict[type, tuple[str, ...]] = {}  # functools.cache takes no classes, to mypy


def names_of(kind: type) -> tuple[str, ...]:
    """Return the names of a dataclass's fields, looked up once: a grader reads a record a hundred thousand times."""
    return _NAMES.get(kind) or _NAMES.setdefault(kind, tuple(item.name for item in fields(kind)))


@functools.lru_cache(maxsize=1)
def fingerprint() -> Fingerprint:
    """Return the fingerprint of this machine, read once a process."""
    cpu_model, flags = _cpu()
    return Fingerprint(
        cpu_model=cpu_model,
        architecture=platform.machine(),
        cpu_flags=tuple(sorted(flags & RELEVANT_FLAGS)),
        cpu_count=usable_cpu_count(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        gpus=(*_nvidia_gpus(), *amd_gpus()),
        testbed=_testbed(),
        emulator=emulator(),
    )


def usable_cpu_count() -> int:
    """Return how many processors this process may use: its affinity, cut to a container's quota (cgroup v2)."""
    count = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            count = min(count, max(1, -(-int(quota) // int(period))))
    except (OSError, ValueError):
        pass  # no cgroup v2 here: the affinity is all there is to know
    return count


def physical_core_count(cpus: Path = Path("/sys/devices/system/cpu")) -> int:
    """Return how many physical cores lie under the processors that this process may use.

    Two hardware threads of one core share its arithmetic units, so ONNX Runtime and torch take one thread a core when
    they are left alone. Where the system does not say which processors are siblings, each counts as a core.
    """
    allowed = (
        sorted(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else range(os.cpu_count() or 1)
    )
    cores = set()
    for number in allowed:
        try:
            cores.add(
                (cpus / f"cpu{number}" / "topology" / "thread_siblings_list").read_text().strip()
            )
        except OSError:
            cores.add(str(number))
    return max(1, min(len(cores), usable_cpu_count()))


def _cpu() -> tuple[str, frozenset[str]]:
    """Return the model name and all feature flags; ARM Linux names parts by number, so those are spelled out."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or "unknown", frozenset()
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = frozenset((fields.get("flags") or fields.get("Features") or "").split())
    arm_parts = {
        "0xd0b": "Cortex-A76",
        "0xd08": "Cortex-A72",
        "0xd4f": "Neoverse V2",
        "0xd0c": "Neoverse N1",
    }
    # The part first: some kernels call every ARM core 'ARMv8 Processor rev 1 (v8l)'. A board is named below its cores.
    core = arm_parts.get(fields.get("CPU part", ""))
    model = (
        ", ".join(filter(None, (core, fields.get("Model")))) if core else fields.get("model name")
    )
    return model or platform.processor() or "unknown", flags


def emulator(tasks: Path = Path("/proc/self/task")) -> str:
    """Return the name of the program that imitates this processor, or nothing on a real one.

    An emulator in user mode answers for /proc/self, so that programs see themselves there. It does not answer for
    /proc/self/task/N, where the kernel names the program that really runs: the emulator.
    """
    names = set()
    for task in (
        tasks.iterdir() if tasks.is_dir() else ()
    ):  # no /proc on macOS: nothing is known to imitate it
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            names.add((task / "exe").readlink().name.removesuffix(" (deleted)"))
    emulators = sorted(
        name for name in names if name.startswith("qemu-") or "rosetta" in name or "box64" in name
    )
    return emulators[0].removesuffix("-static") if emulators else ""


def _nvidia_gpus() -> tuple[Gpu, ...]:
    """Return NVIDIA GPUs through NVML, which neither needs CUDA nor makes a context; none where it is absent."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # pynvml is not there, or its NVMLError: there is no driver
        return ()
    driver, gpus = str(pynvml.nvmlSystemGetDriverVersion()), []
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
        gpus.append(
            Gpu(
                name=str(pynvml.nvmlDeviceGetName(handle)),
                uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
                memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
                compute_capability=f"{major}.{minor}",
                driver=driver,
            )
        )
    pynvml.nvmlShutdown()
    return tuple(gpus)


#: Names of AMD's cards by the identifier that the kernel gives; the kernel itself names the family only.
_AMD_CARDS = {0x738C: "AMD Instinct MI100"}
_AMD = 0x1002


def amd_gpus(nodes: Path = Path("/sys/class/kfd/kfd/topology/nodes")) -> tuple[Gpu, ...]:
    """Return AMD GPUs as the kernel's compute driver lists them, which needs no ROCm; none where it is absent.

    Args:
        nodes: The driver's folder of nodes; processors are nodes too, of no vendor.

    Source: Linux's ``drivers/gpu/drm/amd/amdkfd/kfd_topology.c``, which writes these files.
    """
    version = Path("/sys/module/amdgpu/version")
    driver = (
        version.read_text().strip() if version.is_file() else f"of the kernel {platform.release()}"
    )
    gpus = []
    for node in sorted(nodes.glob("*/properties"), key=lambda path: int(path.parent.name)):
        facts = _properties(node)
        if facts.get("vendor_id") != _AMD:
            continue
        card = facts.get("device_id", 0)
        gpus.append(
            Gpu(
                name=_AMD_CARDS.get(card, f"AMD card 0x{card:04x}"),
                uuid=f"GPU-{facts.get('unique_id', 0):016x}",
                memory_bytes=sum(
                    _properties(bank).get("size_in_bytes", 0)
                    for bank in node.parent.glob("mem_banks/*/properties")
                ),
                compute_capability="",
                driver=driver,
            )
        )
    return tuple(gpus)


def _properties(path: Path) -> dict[str, int]:
    """Return a file of the compute driver: one name and one whole number a line."""
    pairs = (line.split() for line in path.read_text().splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _testbed() -> dict[str, str]:
    """Return Chameleon's site, cluster and node; asked only on a node that its image marks as Chameleon's.

    In a rehearsal this computer plays the node. Its figures say so, and never pass for those of the computer itself.
    """
    if os.environ.get("REHEARSAL_MACHINE"):
        return {"site": "rehearsal", "node": "rehearsed machine"}
    if not any(
        Path(marker).exists()
        for marker in ("/opt/chameleon", "/etc/chameleon-release", "/var/lib/cloud")
    ):
        return {}
    try:
        with urllib.request.urlopen(_METADATA_URL, timeout=1) as answer:
            data = json.load(answer)
    except (OSError, urllib.error.URLError, ValueError):
        return {}
    names = data.get("chameleon", data) if isinstance(data, dict) else {}
    return {name: str(names[name]) for name in ("site", "cluster", "node") if name in names}
