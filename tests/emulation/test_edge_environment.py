"""The device's pinned environment, run as a Cortex-A76: it imports, names the same classes, and
records no time.
"""

from pathlib import Path

import pytest

from labs import assets
from labs.edge import emulation
from labs.edge.emulation import (
    PINS,
    Emulated,
    EmulationUnavailableError,
    PinsUnfitError,
    prepare,
    prove,
)
from labs.edge.files import part_1_files
from labs.machine.quantization_format import quantization_format

# A minute of one processor; on a busy machine, several.
pytestmark = pytest.mark.timeout(1200)

#: Code that runs on the device: the measuring.
COURSE = ("labs.edge.cli", "labs.edge.measuring")

#: What the device's code imports; plotting and tables take as long again, and
#: `python -m labs edge emulate` has them.
IMPORTED = ("onnxruntime", "onnx", "PIL.Image", "psutil")

#: ELF's number for 64-bit ARM, at byte 18.
_AARCH64 = b"\xb7\0"


@pytest.fixture(scope="module")
def emulated() -> Emulated:
    """The imitated device; where its packages cannot be had, the reason is the skip's."""
    try:
        return prepare()
    except EmulationUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Three models made in part 1's way, and a few pictures."""
    folder = tmp_path_factory.mktemp("models")
    part_1_files(folder, calibration_images=16)
    files = {"fp32": "food11", "dynamic": "int8-dynamic", "static": "int8-static-s8s8"}
    models = {option: str(folder / f"{name}.onnx") for option, name in files.items()}
    return {"dataset": str(assets.dataset("food11-mini")), "pictures": 3, "models": models}


@pytest.fixture(scope="module")
def there(emulated: Emulated, job: dict, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The findings of the device's Python, in one run for all tests."""
    ledger = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    more = {"modules": (*IMPORTED, *COURSE), "time": "static", "ledger": str(ledger)}
    return prove({**job, **more}, emulated, timeout_s=500)


def test_it_is_an_emulated_cortex_a76(there: dict):
    """The fingerprint names the core and its dot product, and does not hide that it is imitated."""
    assert there["machine"]["architecture"] == "aarch64"
    assert there["machine"]["cpu_model"] == "Cortex-A76"
    assert "asimddp" in there["machine"]["cpu_flags"]
    assert there["machine"]["emulator"] == "qemu-aarch64"


def test_the_pinned_versions_were_imported_and_the_course_needs_no_others(there: dict):
    """Those of the lock file; they are enough to import every module that the lessons run on the
    device.
    """
    pins = dict(line.split("==") for line in PINS.read_text().split() if "==" in line)
    assert set(there["versions"]) == {*IMPORTED, *COURSE}
    for name in ("onnxruntime", "onnx", "psutil"):
        assert there["versions"][name] == pins[name]


def test_every_compiled_file_of_every_wheel_is_for_arm(emulated: Emulated):
    """One library for x86 in a wheel would fail on the device and nowhere else."""
    beginnings = {
        path: path.read_bytes()[:20]
        for path in emulated.packages.rglob("*.so*")
        if not path.is_symlink()
    }
    assert len(beginnings) > 100
    others = {
        path.name
        for path, head in beginnings.items()
        if (head[:4], head[18:]) != (b"\x7fELF", _AARCH64)
    }
    # A debugger's helper for attaching to x86 programs, which its ARM wheel carries along and never
    # loads.
    assert others <= {"attach_linux_amd64.so"}


def test_pictures_and_labels_are_those_of_this_computer(there: dict, job: dict):
    """The same JPEG gives the same numbers, and each of the three models names the same classes in
    its precision. The static one need not where this computer's sums saturate.
    """
    here = prove(job)
    saturates = quantization_format().reduce_range
    assert there["pictures_sha256"] == here["pictures_sha256"]
    for option, precision in (("fp32", "fp32"), ("dynamic", "int8"), ("static", "int8")):
        predicted = [place["results"][option]["predicted"] for place in (there, here)]
        assert predicted[0] == predicted[1] or (option == "static" and saturates), option
        assert there["results"][option]["precision"] == precision
        assert there["results"][option]["sha256"] == here["results"][option]["sha256"]


def test_its_times_are_measured_and_never_recorded(there: dict):
    """A lesson's job runs to its end on the device. The ledger refuses all its records, and does
    not even create the file.
    """
    assert there["timed"]["kinds"] == ["size", "accuracy", "latency", "throughput"]
    (reason,) = there["timed"]["refused"]
    assert "times mean nothing" in reason
    assert not there["timed"]["kept"]


def test_a_pin_without_a_wheel_for_the_device_is_no_reason_to_skip(
    emulated: Emulated, tmp_path: Path, monkeypatch
):
    """A package that exists for other processors only would be found out on the device, by a
    student.
    """
    pins = tmp_path / "requirements.txt"
    pins.write_text("openvino==2025.3.0\nnumpy==0.0.1\n")
    monkeypatch.setattr(emulation, "PINS", pins)
    with pytest.raises(PinsUnfitError, match="no wheel for the device"):
        prepare()
