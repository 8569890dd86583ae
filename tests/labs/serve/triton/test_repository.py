"""Repositories and configurations on disk, and machines that cannot run the server."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labs.data.models import load_mobilenet_v2
from labs.serve.triton import catalogue, environment, opening
from labs.serve.triton.catalogue import ConfigError, ModelRepository, parse
from labs.serve.triton.environment import PERF_ANALYZER, SERVER, TritonUnavailableError, require_platform
from labs.serve.triton.server import reasons_in
from labs.workspace import PROJECT_DIR, WORKSPACE_VARIABLE


def test_a_model_carries_the_courses_own_recipe(tmp_path, weights):
    """Byte for byte, so that no copy can drift; and the weights under the name that the model looks for."""
    repository = ModelRepository(tmp_path)
    repository.write([catalogue.food_classifier(weights)])
    folder = tmp_path / "food_classifier" / "1"
    for name in ("data/labels.py", "data/preprocess.py"):
        assert (folder / "labs" / name).read_bytes() == (PROJECT_DIR / "labs" / name).read_bytes()
    assert (folder / "network.py").read_bytes() == (catalogue.CODE_DIR / "network.py").read_bytes()
    assert (folder / "model.safetensors").stat().st_size == weights.stat().st_size
    assert repository.names() == ["food_classifier"]


def test_the_recipe_that_travels_needs_nothing_of_the_course(tmp_path, weights):
    """NVIDIA's container has no course: what lies in the folder is enough, beside numpy, Pillow and torch."""
    ModelRepository(tmp_path).write([catalogue.food_classifier(weights)])
    folder = tmp_path / "food_classifier" / "1"
    packages = Path(pytest.__file__).parents[1]
    code = (
        f"import sys; sys.path[:0] = [{str(folder)!r}]; sys.path.append({str(packages)!r})\n"
        "import labs.data.preprocess, labs.data.labels\n"
        f"assert labs.__file__.startswith({str(folder)!r})\n"
        "print(sorted(name for name in sys.modules if name.startswith('labs.')))"
    )
    # Without site, the course's editable install is not on the path.
    done = subprocess.run([sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['labs.data', 'labs.data.labels', 'labs.data.preprocess']", done.stderr


def test_ensembles_come_last_and_nothing_is_written_over_what_others_made(tmp_path, weights):
    """Steps are loaded first; a missing file is named before a server trips over it; a foreign model stays."""
    repository = ModelRepository(tmp_path)
    repository.write([catalogue.food_ensemble(), catalogue.food_preprocess(), catalogue.food_label()])
    assert repository.names()[-1] == "food_classifier_ensemble"
    assert (tmp_path / "food_classifier_ensemble" / "1").is_dir()
    repository.write([catalogue.food_label()])
    with pytest.raises(FileNotFoundError, match=r"food_classifier_onnx needs .*nowhere\.onnx: run the lesson"):
        repository.write([catalogue.food_classifier_onnx(tmp_path / "nowhere.onnx")])
    with pytest.raises(FileNotFoundError, match="no model 'x'"):
        repository.config("x")
    theirs = tmp_path / "theirs" / "food_classifier" / "1" / "model.py"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    with pytest.raises(FileExistsError, match="was not made by the course, and stays as it is"):
        ModelRepository(tmp_path / "theirs").write([catalogue.food_palette(), catalogue.food_classifier(weights)])
    assert [path for path in (tmp_path / "theirs").rglob("*") if path.is_file()] == [theirs]


def test_the_lessons_repository_has_what_did_not_travel(tmp_path, weights, monkeypatch):
    """On a leased machine the student's model.py is there and the weights are not; at home it may all be missing."""
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    folder = tmp_path / "programs" / "repository" / "food_classifier" / "1"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text("theirs")
    opening.lesson_repository()
    assert (folder / "model.safetensors").read_bytes() == weights.read_bytes()
    assert (folder / "model.py").read_text() == "theirs"
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path / "fresh"))
    assert ModelRepository(opening.lesson_repository()).names() == ["food_classifier"]


def test_the_classifiers_network_is_torchvisions(weights):
    """The same tensors under the same names, and the same bits out, without the seconds of importing torchvision."""
    import torch
    from safetensors.torch import load_file

    spec = importlib.util.spec_from_file_location("network", catalogue.CODE_DIR / "network.py")
    network = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(network)
    ours, theirs = network.mobilenet_v2(11).eval(), load_mobilenet_v2(weights)
    ours.load_state_dict(load_file(weights))
    shapes = [{name: tuple(one.shape) for name, one in model.state_dict().items()} for model in (ours, theirs)]
    assert shapes[0] == shapes[1]
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(ours(images), theirs(images))
    assert "import torchvision" not in (catalogue.CODE_DIR / "network.py").read_text()


@pytest.mark.parametrize(
    ("spec", "where", "says"),
    [
        (SERVER, {"system": "Darwin", "machine": "arm64"}, "this is Darwin on arm64.*container.*compose"),
        (SERVER, {"libc": ("glibc", "2.31")}, r"tritonserver needs glibc 2\.35 and this system has glibc 2\.31"),
        (PERF_ANALYZER, {"libc": ("glibc", "2.36")}, r"perf-analyzer needs glibc 2\.38"),
        (SERVER, {"libc": ("", "")}, "another C library"),
    ],
)
def test_a_machine_without_a_wheel_is_told_what_to_do(spec, where, says):
    """The message says why, and what to do instead."""
    with pytest.raises(TritonUnavailableError, match=says):
        require_platform(spec, **{"system": "Linux", "machine": "x86_64", **where})


def test_a_python_without_a_shared_library_is_told_how_to_get_one(monkeypatch):
    """Triton's stub loads libpython; a static Python gets the packages that bring it."""
    monkeypatch.setattr(environment.sysconfig, "get_config_var", lambda name: None)
    monkeypatch.setattr(environment.sys, "base_prefix", "/nowhere")
    with pytest.raises(TritonUnavailableError, match=r"libpython3\.11\.so.*apt install libpython3\.11"):
        environment.python_library_folder()


def test_a_log_gives_its_reasons_without_its_noise():
    """Times, places and the missing GPU are left out; a parse error comes last, with line and column."""
    log = (
        'E1125 03:00:52.1 1 server.cc:241] "CudaDriverHelper has not been initialized."\n'
        'I1125 03:00:52.1 1 x.cc:1] "loading"\n'
        "[libprotobuf ERROR /a/b.cc:337] Error parsing text-format inference.ModelConfig: 3:15: no field x.\n"
        "E1125 03:00:53.1 1 model_repository_manager.cc:1460] \"Poll failed for model directory 'm': failed to read\"\n"
    )
    assert reasons_in(log) == ["failed to read", "config.pbtxt, line:column 3:15: no field x."]


def test_the_p100s_container_is_the_wheels_server():
    """24.10 is Triton 2.51; both run in explicit model control, and neither completes a configuration by itself."""
    node = PROJECT_DIR / "provisioning" / "node" / "p100"
    assert re.search(r"^6\.0 \S+/tritonserver:24\.10-py3 ", (node / "images.txt").read_text(), re.MULTILINE)
    launcher = (PROJECT_DIR / "labs" / "serve" / "triton" / "server.py").read_text()
    for flag in ("--model-control-mode=explicit", "--exit-on-error=false", "--disable-auto-complete-config"):
        assert flag in (node / "compose.yaml").read_text()
        assert flag in launcher


def test_a_model_that_still_holds_the_dots_is_not_served(tmp_path: Path):
    """Triton would load it, and let every request wait."""
    code = tmp_path / "food_classifier" / "1" / "model.py"
    code.parent.mkdir(parents=True)
    code.write_text(f"class TritonPythonModel:\n    def execute(self, requests):\n        # {opening.STUB}\n")
    with pytest.raises(LookupError, match=r"food_classifier/1/model.py still says"):
        opening.serve(tmp_path)


def test_a_server_takes_the_place_of_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A cell that is run twice leaves one server."""
    stopped: list[int] = []

    class Fake:
        def __init__(self, number: int) -> None:
            self.number = number

        def stop(self) -> None:
            stopped.append(self.number)

    numbers = iter(range(9))
    monkeypatch.setattr(opening, "start", lambda **_: Fake(next(numbers)))
    monkeypatch.setattr(opening, "_STARTED", [])
    assert [opening.serve(tmp_path).number for _ in range(3)] == [0, 1, 2]
    assert stopped == [0, 1]


def test_the_contract_of_the_classifier_is_kept():
    """Names, types and shapes are what clients rely on."""
    config = parse(catalogue.food_classifier(Path("w.safetensors")).config)
    tensors = [(one.name, one.data_type, list(one.dims)) for one in (*config.input, *config.output)]
    string, fp32 = 13, 11  # DataType in model_config.proto
    assert tensors == [("INPUT_IMAGE", string, [1]), ("FOOD_LABEL", string, [1]), ("PROBABILITY", fp32, [1])]
    onnx = parse(catalogue.food_classifier_onnx(Path("model.onnx")).config)
    tensors = [(one.name, one.data_type, list(one.dims)) for one in (*onnx.input, *onnx.output)]
    assert (onnx.backend, tensors) == ("onnxruntime", [("input", fp32, [3, 224, 224]), ("output", fp32, [11])])


@pytest.mark.parametrize(
    ("stanza", "count", "kind", "gpus"),
    [
        (catalogue.instances(), 1, "KIND_CPU", []),
        (catalogue.instances(3), 3, "KIND_CPU", []),
        (catalogue.instances(1, range(2)[:1]), 1, "KIND_GPU", [0]),
        (catalogue.instances(2, (0, 1)), 2, "KIND_GPU", [0, 1]),
    ],
)
def test_instances_are_where_they_are_said_to_be(stanza: str, count: int, kind: str, gpus: list[int]):
    """One group; a GPU is named, so that one instance on a node with two is one, and not one on each."""
    (group,) = parse(catalogue.food_palette(stanza).config).instance_group
    assert (group.count, type(group).Kind.Name(group.kind), list(group.gpus)) == (count, kind, gpus)


def test_an_ensemble_becomes_its_steps():
    """Model names and both maps of each step, and what goes in and out of them fits."""
    steps = parse(catalogue.food_ensemble("food_classifier_int8").config).ensemble_scheduling.step
    assert [one.model_name for one in steps] == ["food_preprocess", "food_classifier_int8", "food_label"]
    assert dict(steps[1].input_map) == {"input": "pixels"}
    assert dict(steps[2].output_map) == {"FOOD_LABEL": "FOOD_LABEL", "PROBABILITY": "PROBABILITY"}
    made, label = parse(catalogue.food_preprocess().config), parse(catalogue.food_label().config)
    assert [one.name for one in (*made.output, *label.input)] == ["input", "output"]


def test_a_text_that_is_no_configuration_is_refused_with_its_place():
    """Line, column and what to look for."""
    with pytest.raises(ConfigError, match=r"line:column 2:1 .*max_batch_sise.*misspelt"):
        parse('name: "x"\nmax_batch_sise: 4\n')
