"""ExecuTorch's environment takes the course's torch, exports, delegates and runs; a file's facts
are its own.
"""

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from labs.deeper.executorch.pte import pte_facts
from labs.runtimes import providers
from labs.runtimes.providers import EnvironmentUnavailableError

pytestmark = pytest.mark.timeout(600)

EXPORT = """
import json, sys
from pathlib import Path

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower

net = torch.nn.Sequential(
    torch.nn.AdaptiveAvgPool2d(4), torch.nn.Conv2d(3, 11, 4), torch.nn.ReLU(), torch.nn.Flatten()
).eval()
exported = torch.export.export(net, (torch.zeros(1, 3, 224, 224),))
edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
Path(sys.argv[1]).write_bytes(edge.to_executorch().buffer)
Path(sys.argv[2]).write_text(json.dumps({"torch": torch.__version__}))
"""


def test_what_is_no_executorch_file_is_refused_before_anything_is_started(tmp_path: Path):
    """By its first bytes."""
    (tmp_path / "model.pte").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"model\.pte is no ExecuTorch program"):
        pte_facts(tmp_path / "model.pte")


@pytest.mark.slow
def test_another_model_runs_in_xnnpack_and_names_other_classes(tmp_path: Path):
    """It is loaded and run: it is delegated and whole, but not the course's model; torch is this
    environment's.
    """
    try:
        environment = providers.install("executorch")
    except EnvironmentUnavailableError as error:
        pytest.skip(str(error))
    (tmp_path / "export.py").write_text(EXPORT)
    environment.run(
        tmp_path / "export.py", tmp_path / "small.pte", tmp_path / "said.json"
    )
    assert json.loads((tmp_path / "said.json").read_text())["torch"] == version("torch")
    facts = pte_facts(tmp_path / "small.pte")
    assert facts["delegates"]["XnnpackBackend"] >= 1
    assert facts["images"] == 44
    assert facts["agree"] < 30
    assert facts["max_abs_diff"] > 0.1
