"""A device reached from inside: files, jobs and their output, in the test's own home."""

import os
import sys
from pathlib import Path

import pytest

from provisioning.lab.device import Device, HereShell, on_the_device
from provisioning.setup.transfer import FETCH_BYTES
from provisioning.testbed.errors import CommandFailedError


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    """A home with the course's folder, and a Python that stands for the device's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    python = tmp_path / ".serving-labs" / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tmp_path / "serving-labs").mkdir()
    return Device(HereShell(), "here", poll_s=0.05)


def test_files_travel_once_and_whole(device: Device, tmp_path: Path) -> None:
    """A changed file travels again, a spoilt copy is replaced, a large one comes in pieces, a
    missing one is named.
    """
    model, content = tmp_path / "model.onnx", os.urandom(2 * FETCH_BYTES + 17)
    model.write_bytes(content)
    assert [file.how for file in device.bring([model])] == ["copied"]
    assert [file.how for file in device.bring([model])] == ["was there"]
    (tmp_path / "serving-labs/workspace/models/model.onnx").write_bytes(b"two")
    assert [file.how for file in device.bring([model])] == ["copied"]
    assert device.fetch("workspace/models/model.onnx") == content
    with pytest.raises(CommandFailedError, match=r"looking for gone.bin"):
        device.fetch("gone.bin")


def test_an_arrival_that_differs_is_refused_and_the_old_file_stays(
    device: Device, tmp_path: Path, monkeypatch
) -> None:
    """A truncated model must never be loaded."""
    model = tmp_path / "model.onnx"
    model.write_bytes(b"whole")
    device.bring([model])
    model.write_bytes(b"another one")
    monkeypatch.setattr(
        HereShell, "put", lambda self, source, target: (Path.home() / target).write_bytes(b"anoth")
    )
    with pytest.raises(CommandFailedError, match=r"model.onnx arrived as"):
        device.bring([model])
    assert device.fetch("workspace/models/model.onnx") == b"whole"


def test_a_job_tells_its_lines_and_is_made_anew_each_time(device: Device, tmp_path: Path) -> None:
    """Two runs of the same command are two measurements."""
    progress: list[str] = []
    code = (
        "import pathlib; p = pathlib.Path('count'); n = len(p.read_text()) if p.exists() else 0; "
    )
    code += "p.write_text('x' * (n + 1)); print('run', n + 1)"
    for _ in range(2):
        device.python(["-c", code], name="counts", on_line=progress.append)
    assert progress == ["run 1", "run 2"]
    assert device.ask(["-c", "print('words'); print('[1, 2]')"]) == [1, 2]


def test_only_an_arm_machine_with_the_environment_is_the_device(
    device: Device, monkeypatch
) -> None:
    """A laptop that has rehearsed has such a folder, too."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert not on_the_device()
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert on_the_device()
