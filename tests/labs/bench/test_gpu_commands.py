"""A script on a machine runs in the environment that fits its GPU, or here."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labs.bench import cli
from labs.machine import Capability


def test_without_a_gpu_a_script_runs_in_this_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own folder, with its arguments, and with its exit code."""
    monkeypatch.setattr(cli, "for_gpu", lambda: "")
    script = tmp_path / "script.py"
    script.write_text(
        "import pathlib, sys\npathlib.Path('here.txt').write_text(sys.argv[1])\nsys.exit(int(sys.argv[2]))"
    )
    assert CliRunner().invoke(cli.app, ["run", str(script), "said", "0"]).exit_code == 0
    assert (tmp_path / "here.txt").read_text() == "said"
    assert CliRunner().invoke(cli.app, ["run", str(script), "said", "3"]).exit_code == 3


def test_the_best_environment_of_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT's before CUDA's; none where the machine has no GPU."""

    def able(*names: str) -> None:
        found = [Capability(name, name in names, "said", "" if name in names else "instead") for name in cli.OF_GPU]
        monkeypatch.setattr(cli, "capabilities", lambda: tuple(found))

    for names, expected in (
        ((), ""),
        (("CUDA provider",), "gpu"),
        (("CUDA provider", "TensorRT provider"), "tensorrt"),
    ):
        able(*names)
        assert json.loads(CliRunner().invoke(cli.app, ["here"]).output)["environment"] == expected
