"""What runs in real fresh processes: cold starts, and scripts in the environment that fits the machine's GPU."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from labs import bench
from labs.bench import cli
from labs.bench.cold import ColdStartError
from labs.machine import Capability
from labs.runtimes.opening import open_model


def test_each_sample_is_a_fresh_process(tiny_model, tmp_path) -> None:
    """A big parent does not make the child's peak memory look big; a process that fails shows what it printed."""
    ballast = np.ones(100_000_000, np.float64)  # 800 MB in this process
    records = {r.kind: r for r in bench.cold_start(tiny_model, option="t", samples=2)}
    assert set(records) == {"load_time", "first_prediction", "peak_memory"}
    assert 10e6 < records["peak_memory"].value.value < ballast.nbytes / 2
    assert len(records["load_time"].samples) == 2
    assert records["load_time"].providers_used == bench.describe(open_model(tiny_model)).providers_used
    with pytest.raises(ColdStartError, match="no model at"):
        bench.cold_start(tmp_path / "missing.onnx", option="t", samples=1)


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


@pytest.mark.parametrize(
    ("able", "expected"),
    [((), ""), (("CUDA provider",), "gpu"), (("CUDA provider", "TensorRT provider"), "tensorrt")],
    ids=["no GPU", "CUDA", "TensorRT"],
)
def test_the_best_environment_of_a_gpu_is_named(able, expected, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT's before CUDA's; none where the machine has no GPU."""
    found = [Capability(name, name in able, "said", "" if name in able else "instead") for name in cli.OF_GPU]
    monkeypatch.setattr(cli, "capabilities", lambda: tuple(found))
    assert json.loads(CliRunner().invoke(cli.app, ["here"]).output)["environment"] == expected
