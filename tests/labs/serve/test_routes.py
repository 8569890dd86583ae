"""The two routes of a student's app, ONNX Runtime's and PyTorch's, on the same model; and the
provider that a service names.
"""

import importlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from grading.builder.repository import write_programs
from labs import assets
from labs.load.served import app_target, classes_of
from labs.load.target import LoadTarget
from labs.serve.photos import photo
from labs.serve.running import start, wait_until_ready

PHOTOS = [photo(number) for number in range(8)]


@pytest.fixture(scope="module")
def targets(onnx_path: Path, tmp_path_factory) -> Iterator[dict[str, LoadTarget]]:
    """Yield a target on the solved app by runtime, both served at once."""
    folder = tmp_path_factory.mktemp("programs") / "http"
    write_programs("http", folder)
    networks = {"onnxruntime": onnx_path, "torch": assets.model()}
    with ExitStack() as stack:
        made = {}
        for runtime, network in networks.items():
            variables = {"MODEL": onnx_path, "RUNTIME": runtime}
            log_path = folder / f"{runtime}.log"
            service = start("app:app", folder=folder, log_path=log_path, **variables)
            stack.enter_context(service)
            made[runtime] = app_target(wait_until_ready(service), network, PHOTOS, runtime)
        yield made


def test_both_routes_give_a_photo_the_same_class(targets: dict[str, LoadTarget]):
    """It is one model: the drawings' classes agree, and they are not all one."""
    first, second = (classes_of(target, PHOTOS) for target in targets.values())
    assert np.array_equal(first, second)
    assert len(set(first)) > 1


def test_a_record_names_what_computed_the_model(targets: dict[str, LoadTarget]):
    """As the service's log says it, by the runtime's own name for the processor."""
    import torch

    on_gpu = "CUDAExecutionProvider" in ort.get_available_providers()
    usual = "CUDAExecutionProvider" if on_gpu else "CPUExecutionProvider"
    assert targets["onnxruntime"].served.provider == usual
    assert targets["torch"].served.provider == ("cuda:0" if torch.cuda.is_available() else "cpu")
    assert targets["torch"].served.model.name == assets.model().name
    assert "torch" in targets["torch"].served.libraries


def test_a_service_without_the_cuda_that_it_asked_for_says_so(onnx_path, monkeypatch, capsys):
    """ONNX Runtime falls back to the processor with no more than a warning."""
    monkeypatch.setenv("MODEL", str(onnx_path))
    classifier = importlib.import_module("labs.serve.compared.classifier")
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this machine has it")
    available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: available)
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    with pytest.warns(UserWarning, match="not in available provider names"):
        opened = classifier.open_session(onnx_path)
    assert opened.get_providers() == ["CPUExecutionProvider"]
    assert capsys.readouterr().out.endswith("ONNX Runtime computes on CPUExecutionProvider\n")
