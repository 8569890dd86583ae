"""Repositories and configurations on disk, the models' dependencies, and machines that cannot run
the server.
"""

import importlib.util
import re
from types import ModuleType

import pytest

from labs import assets
from labs.data.labels import CLASS_NAMES
from labs.data.models import load_mobilenet_v2
from labs.serve.triton import catalogue, environment, opening
from labs.serve.triton.environment import TritonUnavailableError
from labs.serve.triton.groups import groups_of, in_words
from labs.workspace import PROJECT_DIR, WORKSPACE_VARIABLE


def from_models(name: str) -> ModuleType:
    """Return one of the files that run inside Triton."""
    spec = importlib.util.spec_from_file_location(name, catalogue.CODE_DIR / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_classifiers_network_is_torchvisions():
    """The same tensors under the same names, and the same bits out, without the seconds of
    importing torchvision.
    """
    import torch
    from safetensors.torch import load_file

    assert list(CLASS_NAMES) == from_models("food").NAMES
    ours = from_models("network").mobilenet_v2(11).eval()
    theirs = load_mobilenet_v2(assets.model())
    ours.load_state_dict(load_file(assets.model()))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(ours(images), theirs(images))


def test_the_lessons_repository_has_what_did_not_travel(tmp_path, monkeypatch):
    """On a leased machine the student's model.py is there, but its dependencies are not; otherwise,
    a message names the lesson.
    """
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    folder = tmp_path / "programs" / "repository" / "food_classifier" / "1"
    folder.mkdir(parents=True)
    (folder / "model.py").write_text("theirs")
    opening.lesson_repository()
    assert (folder / "model.safetensors").read_bytes() == assets.model().read_bytes()
    names = {path.name for path in folder.iterdir()}
    assert names == {"model.py", *catalogue.beside(assets.model())}
    assert (folder / "model.py").read_text() == "theirs"
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path / "fresh"))
    with pytest.raises(LookupError, match="Serve with Triton"):
        opening.lesson_repository()


@pytest.mark.parametrize(
    ("stanza", "words"),
    [
        ("instance_group [ { count: 3 kind: KIND_CPU } ]", "3 on CPU"),
        ("instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0 ] } ]", "1 on GPU 0"),
        ("instance_group: [{kind: KIND_GPU, gpus: [0, 1], count: 2}]", "2 on GPU 0, 2 on GPU 1"),
        ("instance_group [ { count: 1 kind: KIND_GPU } ]", "1 on every GPU"),
        ("instance_group [ { count: 1 } ]", "1 on any device"),
        (
            "instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0 ] }, { count: 2 kind: "
            "KIND_GPU gpus: [ 0, 1 ] } ]",
            "3 on GPU 0, 2 on GPU 1",
        ),
    ],
)
def test_instances_are_where_they_are_said_to_be(stanza: str, words: str):
    """In every spelling. It names a GPU, so that one instance on a node with two GPUs is one, not
    one on each.
    """
    assert in_words(groups_of(stanza)) == words


def test_a_machine_or_a_python_that_cannot_is_told_what_to_do(monkeypatch):
    """Triton has a wheel for few machines, and its stub loads libpython, which a static Python does
    not have.
    """
    monkeypatch.setattr(environment.sysconfig, "get_config_var", lambda name: None)
    monkeypatch.setattr(environment.sys, "base_prefix", "/nowhere")
    says = r"libpython(3\.\d+)\.so.*apt install libpython\1"
    with pytest.raises(TritonUnavailableError, match=says):
        environment.python_library_folder()
    monkeypatch.setattr(environment.platform, "machine", lambda: "aarch64")
    says = r"x86-64 Linux, and this is \w+ on aarch64.*NVIDIA's container"
    with pytest.raises(TritonUnavailableError, match=says):
        environment.tritonserver()
    monkeypatch.setattr(environment.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(environment.sys, "version_info", (3, 14, 0))
    says = r"this is Python 3\.14: run `.*PYTHON=python3\.13 clean setup`"
    with pytest.raises(TritonUnavailableError, match=says):
        environment.tritonserver()


def test_the_p100s_container_is_the_wheels_server():
    """24.10 is Triton 2.51."""
    images = PROJECT_DIR / "provisioning" / "node" / "p100" / "images.txt"
    assert re.search(
        r"^6\.0 \d+ \S+ \S+/tritonserver:24\.10-py3 ", images.read_text(), re.MULTILINE
    )
