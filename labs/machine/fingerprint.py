"""The fingerprint of a machine, stored with every measurement so that a number never travels
without its machine.

It leaves out personal data (host name, user name, address), and imports neither torch nor
onnxruntime.
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

#: CPU features that decide how fast quantized and vectorized code runs; other flags are noise in a
#: record.
RELEVANT_FLAGS = frozenset(
    [
        "avx",
        "avx2",
        "avx512f",
        "avx512bw",
        "avx512vl",
        "avx512_vnni",
        "avx_vnni",
        "avx512_bf16",
        "avx512_fp16",
        "amx_tile",
        "amx_int8",
        "amx_bf16",
        "fma",
        "sse4_2",
        "asimd",
        "asimddp",
        "asimdhp",
        "fphp",
        "i8mm",
        "bf16",
        "sve",
        "sve2",
    ]
)

#: Chameleon's (OpenStack's) metadata service; answers only on a leased node.
_METADATA_URL = "http://169.254.169.254/openstack/latest/vendor_data.json"


@dataclass(frozen=True)
class Gpu:
    """One GPU as its driver describes it."""

    #: Product name, such as 'NVIDIA A100-PCIE-40GB' or 'AMD Instinct MI100'.
    name: str
    #: The driver's identifier of this individual card.
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
    #: Chameleon's site, cluster and node as the metadata service names them; 'rehearsal' and a
    #: rehearsed machine's kind inside the local testbed; empty elsewhere.
    testbed: dict[str, str] = field(default_factory=dict)
    #: The emulator of this processor, such as 'qemu-aarch64'; empty on a real one. The ledger takes
    #: no emulated times.
    emulator: str = ""

    @property
    def is_leased(self) -> bool:
        """Whether it is a machine of Chameleon's, and none that plays one in a rehearsal."""
        return self.testbed.get("site", "rehearsal") != "rehearsal"

    @functools.cached_property
    def machine_id(self) -> str:
        """A short hash of the facts that make runs comparable: processor, its features and count,
        memory, GPUs and node.
        """
        # The kernel reserves a little more or less at each boot: whole GiB are enough to tell
        # machines apart.
        memory_gib = round(self.memory_bytes / 2**30)
        gpus = [gpu.uuid for gpu in self.gpus]
        node = sorted(self.testbed.items())
        facts: list[object] = [self.cpu_model, self.architecture, self.cpu_flags, self.cpu_count]
        facts += [memory_gib, gpus, node]
        if self.emulator:
            facts.append(self.emulator)
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]

    @property
    def cuda_gpus(self) -> tuple[Gpu, ...]:
        """The cards that run CUDA; AMD's are not among them."""
        return tuple(gpu for gpu in self.gpus if gpu.compute_capability)

    @property
    def label(self) -> str:
        """One line that a person recognizes the machine by."""
        parts = [f"{self.cpu_model} × {self.cpu_count}"]
        parts += [gpu.name for gpu in self.gpus]
        label = ", ".join(parts)
        if node := self.testbed.get("node"):
            label += f" ({node})"
        if self.emulator:
            label += f" (emulated by {self.emulator})"
        return label

    def to_json(self) -> dict:
        """Return the fingerprint as plain JSON values."""
        return {**asdict(self), "cpu_flags": list(self.cpu_flags), "machine_id": self.machine_id}

    @classmethod
    def from_json(cls, values: dict) -> Fingerprint:
        """Return the fingerprint that ``to_json`` wrote; unknown keys are ignored."""
        known = {name: values[name] for name in names_of(cls) if name in values}
        gpus = [Gpu(**gpu) for gpu in known.get("gpus", ())]
        known["gpus"] = tuple(gpus)
        known["cpu_flags"] = tuple(known.get("cpu_flags", ()))
        return cls(**known)


_NAMES: dict[type, tuple[str, ...]] = {}  # functools.cache takes no classes, to mypy


def names_of(kind: type) -> tuple[str, ...]:
    """Return a dataclass's field names, looked up once: a grader reads many records."""
    if kind not in _NAMES:
        _NAMES[kind] = tuple(item.name for item in fields(kind))
    return _NAMES[kind]


@functools.lru_cache(maxsize=1)
def fingerprint() -> Fingerprint:
    """Return the fingerprint of this machine, read once a process."""
    cpu_model, flags = _cpu()
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    relevant_flags = sorted(flags & RELEVANT_FLAGS)
    system = f"{platform.system()} {platform.release()}"
    return Fingerprint(
        cpu_model=cpu_model,
        architecture=platform.machine(),
        cpu_flags=tuple(relevant_flags),
        cpu_count=usable_cpu_count(),
        memory_bytes=memory_bytes,
        system=system,
        python=platform.python_version(),
        gpus=_nvidia_gpus() + amd_gpus(),
        testbed=_testbed(),
        emulator=emulator(),
    )


def usable_cpu_count() -> int:
    """Return how many processors this process may use: affinity, and a container's quota."""
    count = len(_allowed_cpus())
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            whole, rest = divmod(int(quota), int(period))
            begun = whole + 1 if rest else whole
            count = min(count, max(1, begun))
    except (OSError, ValueError):
        pass  # no cgroup v2 here: the affinity is all there is to know
    return count


def _allowed_cpus() -> list[int]:
    """Return the numbers of the processors that this process's affinity allows; macOS has none."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def physical_core_count(cpus: Path = Path("/sys/devices/system/cpu")) -> int:
    """Return the number of physical cores of the processors that this process may use.

    Two hardware threads of one core share its arithmetic units, so ONNX Runtime and torch use one
    thread per core by default. If the system does not report which processors are siblings, each
    counts as a core.
    """
    cores = set()
    for number in _allowed_cpus():
        siblings = cpus / f"cpu{number}" / "topology" / "thread_siblings_list"
        try:
            cores.add(siblings.read_text().strip())
        except OSError:
            cores.add(str(number))
    return max(1, min(len(cores), usable_cpu_count()))


def _cpu() -> tuple[str, frozenset[str]]:
    """Return the model name and all feature flags; ARM Linux names parts by number, so those are
    spelled out.
    """
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or "unknown", frozenset()
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = fields.get("flags") or fields.get("Features") or ""
    # The part first: some kernels call every ARM core 'ARMv8 Processor rev 1 (v8l)'. A board is
    # named below its cores.
    core = _ARM_PARTS.get(fields.get("CPU part", ""))
    board = fields.get("Model")
    if core:
        model = f"{core}, {board}" if board else core
    else:
        model = fields.get("model name") or platform.processor() or "unknown"
    return model, frozenset(flags.split())


_ARM_PARTS = {
    "0xd0b": "Cortex-A76",
    "0xd08": "Cortex-A72",
    "0xd4f": "Neoverse V2",
    "0xd0c": "Neoverse N1",
}


def emulator(tasks: Path = Path("/proc/self/task")) -> str:
    """Return the name of the program that imitates this processor, or nothing on a real one.

    An emulator in user mode answers for /proc/self, so that programs see themselves there. It does
    not answer for /proc/self/task/N, where the kernel names the program that really runs: the
    emulator.
    """
    if not tasks.is_dir():  # no /proc on macOS: nothing is known to imitate it
        return ""
    programs = set()
    for task in tasks.iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            programs.add((task / "exe").readlink().name.removesuffix(" (deleted)"))
    emulators = sorted(filter(_is_emulator, programs))
    return emulators[0].removesuffix("-static") if emulators else ""


def _is_emulator(program: str) -> bool:
    return program.startswith("qemu-") or "rosetta" in program or "box64" in program


def _nvidia_gpus() -> tuple[Gpu, ...]:
    """Return NVIDIA GPUs through NVML, which needs no CUDA; none where it is absent."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # pynvml is not there, or its NVMLError: there is no driver
        return ()
    driver = str(pynvml.nvmlSystemGetDriverVersion())
    gpus = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        name = str(pynvml.nvmlDeviceGetName(handle))
        uuid = str(pynvml.nvmlDeviceGetUUID(handle))
        memory_bytes = int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
        gpus.append(Gpu(name, uuid, memory_bytes, f"{major}.{minor}", driver))
    pynvml.nvmlShutdown()
    return tuple(gpus)


#: Names of AMD's cards by the identifier that the kernel gives; the kernel itself names the family
#: only.
_AMD_CARDS = {0x738C: "AMD Instinct MI100"}
_AMD = 0x1002


def amd_gpus(nodes: Path = Path("/sys/class/kfd/kfd/topology/nodes")) -> tuple[Gpu, ...]:
    """Return AMD GPUs as the kernel's compute driver lists them, which needs no ROCm.

    Args:
        nodes: The driver's folder of nodes; processors are nodes too, of no vendor.

    Source: Linux's ``drivers/gpu/drm/amd/amdkfd/kfd_topology.c``, which writes these files.
    """
    version = Path("/sys/module/amdgpu/version")
    driver = f"of the kernel {platform.release()}"
    if version.is_file():
        driver = version.read_text().strip()
    folders = [properties.parent for properties in nodes.glob("*/properties")]
    gpus = []
    for folder in sorted(folders, key=lambda folder: int(folder.name)):
        facts = _properties(folder / "properties")
        if facts.get("vendor_id") != _AMD:
            continue
        card = facts.get("device_id", 0)
        name = _AMD_CARDS.get(card, f"AMD card 0x{card:04x}")
        unique_id = facts.get("unique_id", 0)
        banks = folder.glob("mem_banks/*/properties")
        memory_bytes = sum(_properties(bank).get("size_in_bytes", 0) for bank in banks)
        gpus.append(Gpu(name, f"GPU-{unique_id:016x}", memory_bytes, "", driver))
    return tuple(gpus)


def _properties(path: Path) -> dict[str, int]:
    """Return a file of the compute driver: one name and one whole number a line."""
    properties = {}
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) == 2 and words[1].isdigit():
            properties[words[0]] = int(words[1])
    return properties


def _testbed() -> dict[str, str]:
    """Return Chameleon's site, cluster and node; asked only on a node that its image marks as
    Chameleon's.

    In a rehearsal this computer plays the node. Its figures say so, and never pass for those of the
    computer itself.
    """
    if os.environ.get("REHEARSAL_MACHINE"):
        return {"site": "rehearsal", "node": "rehearsed machine"}
    if os.environ.get("LABS_OWN"):
        # Set-up over SSH says so; what the machine is called stays out of the records.
        return {"site": "own"}
    if not any(Path(marker).exists() for marker in _MARKS_OF_CHAMELEON):
        return {}
    try:
        with urllib.request.urlopen(_METADATA_URL, timeout=1) as answer:
            data = json.load(answer)
    except (OSError, urllib.error.URLError, ValueError):
        return {}
    names = data.get("chameleon", data) if isinstance(data, dict) else {}
    known = [name for name in ("site", "cluster", "node") if name in names]
    return {name: str(names[name]) for name in known}


#: Files that only Chameleon's images have.
_MARKS_OF_CHAMELEON = ("/opt/chameleon", "/etc/chameleon-release", "/var/lib/cloud")
