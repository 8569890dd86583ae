"""What is read of apps and Dockerfiles: whatever does the same in other words counts as well, and faults are named."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from grading.builder.notebook import build
from grading.builder.sources import sources
from labs.checkpoints.reads.containers import dockerfile
from labs.checkpoints.reads.texts import STUB
from labs.checkpoints.reads.triton_models import config
from labs.checkpoints.reads.web_apps import app
from labs.serve.models import fp32_model
from labs.serve.running import serve_app
from labs.workspace import PROJECT_DIR

GOOD = ["FROM python:3.12-slim", "COPY requirements.txt .", "RUN pip install -r requirements.txt", "COPY *.py ./"]


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ([*GOOD, "USER food", 'ENTRYPOINT ["uvicorn", "app:app"]', 'CMD ["--host", "0.0.0.0"]'], set()),
        ([*GOOD[:3], "COPY . .", "USER 1000:1000", 'CMD ["fastapi", "run", "--host=0.0.0.0", "app.py"]'], set()),
        ([*GOOD, "USER food", "CMD uvicorn app:app --host 0.0.0.0"], {"uvicorn", "everywhere"}),
        ([GOOD[0], "COPY . .", GOOD[2], "USER root", 'CMD ["uvicorn", "app:app"]'], {"cached", "root", "everywhere"}),
        (["FROM python", 'CMD ["python", "app.py"]'], {"tagged", "installs", "copies", "cached", "root", "uvicorn"}),
    ],
)
def test_a_dockerfile_may_be_written_in_other_words(lines: list[str], wrong: set[str], tmp_path: Path) -> None:
    """Entry point and arguments, other copies; a shell's line, root and an early copy are seen."""
    path = tmp_path / "Dockerfile"
    path.write_text("\n".join(lines))
    facts = dockerfile(path)
    right = {name: value is (name != "root") for name, value in facts.items() if name != "base"}
    assert wrong <= {name for name, good in right.items() if not good}
    assert wrong or all(right.values())


def test_a_configuration_is_read_by_tritons_own_grammar(tmp_path: Path) -> None:
    """A platform is a backend by its older name, messages may be written in two ways, and a typing error is told."""
    path = tmp_path / "config.pbtxt"
    path.write_text(
        'platform: "onnxruntime_onnx" input { name: "input" data_type: TYPE_FP32 dims: [ 3, 224 ] }\n'
        "dynamic_batching: { preferred_batch_size: 8 preferred_batch_size: 4 } instance_group { count: 2 }"
    )
    facts = config(path)
    assert (facts["backend"], facts["inputs"]) == ("onnxruntime", ["input TYPE_FP32 [3, 224]"])
    assert (facts["sizes"], facts["instances"], facts["fault"]) == ([4, 8], 2, "")
    path.write_text("dynamic_batching { prefered_batch_size: 8 }")
    assert "prefered_batch_size" in config(path)["fault"]


def test_what_still_holds_the_stub_is_not_judged(tmp_path: Path) -> None:
    """It is open, and not wrong."""
    (tmp_path / "Dockerfile").write_text(f"# {STUB}\n")
    with pytest.raises(NotImplementedError):
        dockerfile(tmp_path / "Dockerfile")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the lesson's solved app and its classifier."""
    lesson = next(one for one in sources() if one.id == "http")
    cell = next(one for one in build(lesson, solved=True).cells if one.metadata.get("question") == "http.app")
    (tmp_path / "app.py").write_text(cell.source.partition("\n")[2])
    shutil.copy(PROJECT_DIR / "labs" / "serve" / "compared" / "classifier.py", tmp_path)
    return tmp_path


def test_an_app_tells_its_faults_apart(folder: Path) -> None:
    """One that waits for no place, answers errors as success, and one that cannot be imported."""
    path, text = folder / "app.py", (folder / "app.py").read_text()
    good = app(path)
    assert (good["right"], good["large"], good["cut"], good["full"]) == (True, 413, 422, 503)
    path.write_text(text.replace("with place():", "if True:").replace("HTTPException(422", "HTTPException(200"))
    wrong = app(path)
    assert {name for name in good if good[name] != wrong[name]} == {"full", "no_base64", "no_image", "cut"}
    path.write_text(text.replace("import io", "import ionosphere"))
    assert "ionosphere" in app(path)["log"]


def test_an_app_is_served_in_the_place_of_the_last_one(folder: Path) -> None:
    """A cell that is run twice leaves one service."""
    first = serve_app(folder, MODEL=fp32_model())
    second = serve_app(folder, MODEL=fp32_model(), MAY_WAIT=3)
    try:
        assert not first.alive
        assert httpx.get(f"{second.url}/healthz").json() == {"status": "ok"}
    finally:
        second.stop()
