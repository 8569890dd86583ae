"""Beginning and end of a server, killed or a node's container."""

import tempfile
from pathlib import Path

import psutil
import pytest

from grading.builder import repository as solved
from labs.serve.triton import catalogue, opening
from labs.serve.triton.catalogue import ModelRepository
from labs.serve.triton.control import KEY_HEADER, TritonError
from labs.serve.triton.environment import TritonUnavailableError
from labs.serve.triton.server import start
from tests.labs.runtimes.test_child import gone
from tests.labs.serve.triton.test_serving import WITHIN_S

pytestmark = pytest.mark.xdist_group("triton")


@pytest.mark.parametrize("killed", [False, True])
def test_a_server_that_ends_leaves_nothing(tmp_path, killed, monkeypatch):
    """No process, no shared memory, no file; the next question says that it does not answer; a
    second stop is fine.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = start(
        [catalogue.food_palette()],
        repository=ModelRepository(tmp_path / "models"),
        within_s=WITHIN_S,
    )
    family = server.processes()
    # Memory that it shares with its models is named like its folder.
    (own,) = tmp_path.glob("labs-triton-*")
    held = [own, *Path("/dev/shm").glob(f"{own.name}*")]
    assert len(held) >= 2
    assert len(family) >= 2
    if killed:
        family[0].kill()
        server.process.wait(60)
    server.stop()
    server.stop()
    with pytest.raises(TritonError, match="does not answer"):
        server.loaded()
    assert gone(family, within_s=60)
    assert not [path for path in held if path.exists()]


def test_a_model_that_cannot_start_stops_the_server_again(tmp_path, onnx_path):
    """No half-started process remains, and the error is the model's."""
    broken = solved.food_classifier_onnx(onnx_path)
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    broken.files["model.onnx"] = tmp_path / "junk.onnx"
    before = psutil.Process().children(recursive=True)
    with pytest.raises(TritonError, match="food_classifier_onnx was not loaded"):
        start([broken], repository=ModelRepository(tmp_path / "models"), within_s=WITHIN_S)
    after = psutil.Process().children(recursive=True)
    assert gone([process for process in after if process not in before], within_s=60)


def test_a_nodes_container_serves_the_lessons_repository_and_nothing_else(
    tmp_path, onnx_path, monkeypatch
):
    """An earlier lesson's models are unloaded, the ensemble first; the container continues after
    the lesson.
    """
    network = solved.food_classifier_onnx(onnx_path)
    earlier = [catalogue.food_preprocess(), network, catalogue.food_label(), solved.food_ensemble()]
    repository = ModelRepository(tmp_path / "models")
    with start(earlier, repository=repository, within_s=WITHIN_S) as container:
        monkeypatch.setattr(opening, "CONTAINER_HTTP", container.http)
        monkeypatch.setattr(opening, "CONTAINER_GRPC", container.grpc)
        monkeypatch.setattr(opening, "CONTAINER_REPOSITORY", tmp_path / "models")
        monkeypatch.setattr(opening, "CONTAINER_KEY", tmp_path / ".env")
        key = container.headers[KEY_HEADER]
        (tmp_path / ".env").write_text(
            f"LABS_TRITON_RELEASE=24.10\nLABS_TRITON_KEY={key}\nLABS_HOME=/home/cc\n"
        )
        # A repository that a student wrote is copied into the container's own, and loaded by the
        # student.
        written = ModelRepository(tmp_path / "written")
        written.write([catalogue.food_palette()])
        opened = opening.open_repository(written.folder)
        assert opened.http == container.http
        assert "READY" not in opened.loaded().values()
        opened.load("food_palette")
        opened.stop()
        assert container.alive


def test_a_node_whose_container_is_on_its_way_says_so(tmp_path, monkeypatch):
    """The wheel's server would take its place in silence, and a lesson would measure the
    processor.
    """
    monkeypatch.setattr(opening, "CONTAINER_REPOSITORY", tmp_path / "models")
    monkeypatch.setattr(opening, "CONTAINER_KEY", tmp_path / ".env")
    (tmp_path / ".env").write_text("LABS_TRITON_KEY=0123\n")
    with pytest.raises(TritonUnavailableError, match=r"does not answer.*jobs/containers/log"):
        opening.open_repository(tmp_path)
