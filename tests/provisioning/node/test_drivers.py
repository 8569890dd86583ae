"""A driver that sees no GPU is told with its remedy. Automatic updates, one of the causes, are
stopped.
"""

import re

import pytest

from labs.sites.spec import load_spec
from provisioning.setup.steps import steps_for
from tests.provisioning.node.conftest import Machine

OPEN = (
    "NVRM: installed in this system is not supported by open\nNVRM: nvidia.ko because it does "
    "not include the GSP.\n"
)
#: A driver's message about a GPU that only an older branch supports.
LEGACY = """NVRM: The NVIDIA Tesla P100-PCIE-16GB GPU installed in this system is
NVRM:  supported through the NVIDIA {branch}.xx Legacy drivers. Please
NVRM:  visit http://www.nvidia.com/object/unix.html for more
NVRM:  information.  The 595.71 NVIDIA driver will ignore
NVRM:  this GPU.  Continuing probe...
"""
MISMATCH = (
    "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 580.126\n"
)
API = (
    "NVRM: API mismatch: the client has the version 580.126.09, but this kernel module has "
    "560.35.03.\n"
)

PLAIN, CUDA, ROCM = "CC-Ubuntu24.04", "CC-Ubuntu24.04-CUDA", "CC-Ubuntu24.04-ROCm"
CARD, FATAL = "GPU[0] : Card Series: AMD Instinct MI100", "amdgpu: fatal error"


@pytest.mark.parametrize(
    ("image", "name", "gpus", "kernel", "messages"),
    [
        (
            CUDA,
            "p100",
            "",
            OPEN,
            "sees no GPU|open kernel modules|install nvidia-driver-580 |unhold",
        ),
        (
            CUDA,
            "p100",
            "",
            LEGACY.format(branch=580),
            "on every node|install nvidia-driver-580 |unhold|next option",
        ),
        (
            CUDA,
            "p100",
            "",
            LEGACY.format(branch=470),
            "470 is the last branch|install nvidia-driver-470 ",
        ),
        (
            CUDA,
            "a100",
            MISMATCH,
            API,
            "Driver/library version mismatch|way out: an update replaced|: sudo reboot\n",
        ),
        (CUDA, "a100", "No devices were found\n", "", "sees no GPU|no word of NVRM|another node"),
        (PLAIN, "a100", "", "", "found: no nvidia-smi|another node"),
        (PLAIN, "mi100", "", "", "found: no rocm-smi|apt-get install rocm-smi"),
        (ROCM, "mi100", CARD, f"{FATAL}\n", f"that shows no GPU|/dev/kfd: |{FATAL}"),
        (ROCM, "mi100", "WARNING: No AMD GPUs specified\n", "", "that shows no GPU|another node"),
    ],
)
def test_a_machine_without_a_gpu_is_told_before_anything_is_installed(
    tmp_path, image, name, gpus, kernel, messages
):
    """The message has the found and the expected driver, and the fix; it does not blame a right
    image.
    """
    machine = Machine(tmp_path / "machine", image)
    machine.write("kernel", kernel)
    machine.write("gpus", gpus)
    machine.write("amd", gpus)
    done = machine.run("drivers.sh", name, "system", changes={"/dev/kfd": f"{tmp_path}/kfd"})
    assert done.returncode == 69
    stderr = done.stderr.replace(f"{tmp_path}/kfd", "/dev/kfd")
    wanted = [*messages.split("|"), "way out: ", f"expected: {image}, which brings"]
    assert [words for words in wanted if words not in stderr] == []
    # Another node of the image has the same driver; after an update no other node is needed.
    assert ("another node" in stderr) == (
        kernel not in (OPEN, LEGACY.format(branch=580), LEGACY.format(branch=470), API)
    )
    assert not [call for call in machine.calls if call.startswith("apt-get")]
    for part in ("model", "system"):
        steps = {
            step.name: step.needs for step in steps_for(load_spec(part), load_spec(part).options[0])
        }
        assert all("drivers" in steps[step] for step in ("environment", "docker") if step in steps)
        assert steps["drivers"] == ("updates",)


@pytest.mark.parametrize(
    ("image", "gpus", "first"),
    [
        (PLAIN, "", "if the record names an image without CUDA, release the machine"),
        (CUDA, "No devices were found\n", ""),
    ],
    ids=["no nvidia-smi", "an nvidia-smi that sees no GPU"],
)
def test_chameleons_own_installer_is_the_way_out_where_an_image_has_it(
    tmp_path, image, gpus, first
):
    """Another node is the second way then, and the first one only for another image."""
    machine = Machine(tmp_path / "machine", image)
    machine.write("gpus", gpus)
    installer = machine.folder / "install_nvidia_drivers.sh"
    machine.program(installer.name, "", where=".")
    done = machine.run(
        "drivers.sh", "a100", "system", changes={f"/usr/local/bin/{installer.name}": str(installer)}
    )
    assert done.returncode == 69
    assert f"way out: {first}" in done.stderr
    assert re.search(f"sudo {installer} && sudo reboot,.* another node", done.stderr)


UNITS = (
    "apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service "
    "unattended-upgrades.service"
)
DRIVER = "nvidia-driver-560 libnvidia-compute-560 nvidia-dkms-560 cuda-drivers-560"
KERNEL = "linux-image-6.8.0-60-generic linux-headers-generic linux-modules-6.8.0-60-generic"
OTHERS = "nvidia-container-toolkit libnvidia-container1 linux-libc-dev util-linux python3"


@pytest.mark.parametrize(
    ("units", "installed", "held"),
    [
        (UNITS, f"{DRIVER} {KERNEL} {OTHERS}", f"{DRIVER} {KERNEL}"),
        ("apt-daily.timer", f"{KERNEL} {OTHERS}", KERNEL),
        ("", OTHERS, ""),
    ],
    ids=["an image with NVIDIA's driver", "without unattended upgrades", "nothing to hold"],
)
def test_automatic_updates_are_stopped_and_the_drivers_packages_held(
    machine: Machine, units, installed, held
):
    """For the image's units and packages; a second run changes nothing, and the script waits for a
    busy dpkg.
    """
    machine.write("units", units.replace(" ", "\n"))
    machine.write(
        "dpkg-packages",
        "".join(f"installed {name}\n" for name in installed.split()) + "config-files nvidia-old\n",
    )
    for locked in ("x\nx\n", ""):
        machine.write("locked", locked if held else "")
        done = machine.run("updates.sh", "a100", "model")
        assert done.returncode == 0, done.stderr
        assert f"report held={len(held.split())}" in done.stdout
    stopped = [
        call.removeprefix("systemctl disable --now ")
        for call in machine.calls
        if "systemctl disable" in call
    ]
    assert [unit for unit in stopped if not unit.startswith("sudo")] == units.split() * 2
    holds = [
        call.removeprefix("apt-mark hold ")
        for call in machine.calls
        if call.startswith("apt-mark hold")
    ]
    assert {*holds} == {held} - {""}
    assert len(holds) == (4 if held else 0)


def test_a_dpkg_that_never_ends_is_told(machine: Machine):
    """After ten minutes, with the way to find it."""
    machine.write("dpkg-packages", "installed nvidia-driver-560\n")
    machine.write("locked", "x\n" * 99)
    done = machine.run("updates.sh", "a100", "model")
    assert done.returncode == 100
    assert "way out: end the apt or dpkg that runs" in done.stderr
