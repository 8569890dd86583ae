"""Scripts run in real processes, in the environment that fits the machine's GPU."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labs.bench import cli
from labs.machine import Capability


def test_without_a_gpu_a_script_runs_in_this_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its own folder, with its arguments, and with its exit code."""
    monkeypatch.setattr(cli, "for_gpu", lambda: "")
    script = tmp_path / "script.py"
    script.write_text(
        "import pathlib, "
        "sys\npathlib.Path('here.txt').write_text(sys.argv[1])\nsys.exit(int(sys.argv[2]))"
    )
    assert CliRunner().invoke(cli.app, ["run", str(script), "said", "0"]).exit_code == 0
    assert (tmp_path / "here.txt").read_text() == "said"
    assert CliRunner().invoke(cli.app, ["run", str(script), "said", "3"]).exit_code == 3


@pytest.mark.parametrize(
    ("able", "expected"),
    [((), ""), (("CUDA provider",), "gpu"), (("CUDA provider", "TensorRT provider"), "tensorrt")],
    ids=["no GPU", "CUDA", "TensorRT"],
)
def test_the_best_environment_of_a_gpu_is_named(
    able, expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT's before CUDA's; the machine's own Python if it has no GPU."""
    verdicts = [
        Capability(name, name in able, "said", "" if name in able else "instead")
        for name in cli.OF_GPU
    ]
    monkeypatch.setattr(cli, "capabilities", lambda: tuple(verdicts))
    assert json.loads(CliRunner().invoke(cli.app, ["here"]).output)["environment"] == expected
