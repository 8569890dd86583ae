"""Files that lessons ask for, really made and looked into: the right one passes, a spoiled one gets its sentence.

That facts lead to the right sentence, ``questions/test_contract.py`` asks of every question; here the facts are real.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from grading.checkpoints import Verdict, all_checkpoints
from grading.checkpoints.artefacts import SUBJECT, facts_about
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from safetensors.torch import load_file, save_file

from grading.builder.solve import AnswerKey
from labs import assets
from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2
from labs.optimize.export import export_onnx
from labs.optimize.graph import optimize_graph
from labs.optimize.static_quantization import ImageReader
from labs.workspace import models_dir
from tests.grading.questions.beside import needed

ANSWERS = AnswerKey.read().answers
SOURCE = Path(__file__).parents[3] / "notebooks" / "source" / "3_system" / "32_serve_over_http.py"


def verdict_on(question: str, made: object, **older: object) -> Verdict:
    """Return the verdict on what was made, looked into as the lesson does; ``older`` are facts told in its place."""
    one = all_checkpoints()[question]
    return one.verdict(needed(one).observed(SUBJECT + question, {**facts_about(made, one.asks.inspect), **older}))


def requires(verdict: Verdict, mistake: str) -> None:
    """Fail unless a verdict names a mistake; none means that it passes."""
    assert (verdict.ok, verdict.mistake) == (not mistake, mistake), verdict.message


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the course's model, exported as lesson 12 does it at its end."""
    return export_onnx(load_mobilenet_v2(assets.model()), tmp_path_factory.mktemp("export") / "food11.onnx")


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (lambda name, tensor: tensor.half() if tensor.is_floating_point() else tensor, ""),
        (lambda name, tensor: tensor, "float32"),
        (lambda name, tensor: tensor.bfloat16() if tensor.is_floating_point() else tensor, "bfloat16"),
        (lambda name, tensor: None if "running" in name else tensor.half(), "incomplete"),
        (lambda name, tensor: (1.1 * tensor).half() if tensor.is_floating_point() else tensor, "other weights"),
    ],
)
def test_a_halved_file_is_told_from_what_looks_like_one(tmp_path: Path, change: Callable, mistake: str):
    """The model's own weights, halved, pass."""
    made = {name: change(name, tensor) for name, tensor in load_file(assets.model()).items()}
    save_file({name: tensor for name, tensor in made.items() if isinstance(tensor, torch.Tensor)}, tmp_path / "half")
    requires(verdict_on("m.meet.half", tmp_path / "half"), mistake)


def spoil(mistake: str, path: Path, spoiled: Path) -> Path:
    """Write an export as somebody who makes this mistake would have it."""
    model = onnx.load(path)
    if mistake == "static_batch":
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    elif mistake == "training_mode":
        model.graph.node[-1].input[0] = "dropped"
        model.graph.node.insert(len(model.graph.node) - 1, onnx.helper.make_node("Dropout", ["flat"], ["dropped"]))
        model.graph.node[-3].output[0] = "flat"
    elif mistake == "input_name":
        model.graph.input[0].name = model.graph.node[0].input[0] = "x"
    elif mistake == "another_model":
        bias = next(one for one in model.graph.initializer if one.name == "classifier.1.bias")
        bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.05), bias.name))
    outside = {"save_as_external_data": True, "location": "weights.data"} if mistake == "external_data" else {}
    onnx.save(model, spoiled, **outside)
    return spoiled


@pytest.mark.parametrize(
    "mistake", ["", "external_data", "static_batch", "training_mode", "input_name", "another_model"]
)
def test_an_export_is_looked_into(exported: Path, tmp_path: Path, mistake: str):
    """Also where the weights were left behind, and it cannot even be loaded."""
    path = spoil(mistake, exported, tmp_path / "spoiled.onnx")
    requires(verdict_on("m.export.file", path), mistake)
    if mistake == "external_data":
        (tmp_path / "weights.data").unlink()
        requires(verdict_on("m.export.file", path), mistake)


@pytest.mark.parametrize(
    ("level", "mistake"),
    [("ORT_ENABLE_BASIC", "not_merged"), ("ORT_ENABLE_EXTENDED", ""), ("ORT_ENABLE_ALL", "layout")],
)
def test_the_level_of_optimization_is_seen_in_the_file(exported: Path, tmp_path: Path, level: str, mistake: str):
    """Only the level that merges nodes, and keeps the layout, gives a file for any machine."""
    path = optimize_graph(exported, level, tmp_path / "optimized.onnx")
    if mistake == "layout" and not any("nchwc" in node.domain for node in onnx.load(path).graph.node):
        pytest.skip("this processor's build has no NCHWc layout")
    requires(verdict_on("m.graph.file", path), mistake)


U8S8 = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": True}


@pytest.mark.parametrize(
    ("split", "changed", "mistake"),
    [
        ("training", {}, ""),
        ("training", {"per_channel": False}, "per tensor"),
        ("training", {"activation_type": QuantType.QInt8}, "signed activations"),
        ("evaluation", {}, "evaluation images"),
    ],
)
def test_a_quantized_file_is_judged_by_what_is_in_it(exported: Path, split: str, changed: dict, mistake: str):
    """Types, scales and the images that made the ranges are read out of it."""
    images = load_split(assets.dataset(), split, limit=128)[0]
    path = exported.with_name("made.onnx")
    quantize_static(exported, path, ImageReader(images), **{**U8S8, **changed})
    requires(verdict_on("m.quantize.static", path), mistake)


class Whole(CalibrationDataReader):
    """Hands out a whole batch at once."""

    def __init__(self, images: np.ndarray) -> None:
        self.feeds = iter([{"input": images}])

    def get_next(self) -> dict | None:
        """Return the batch, then nothing."""
        return next(self.feeds, None)


class Nothing(Whole):
    """Hands out nothing."""

    def get_next(self) -> None:
        """Return nothing."""


@pytest.mark.parametrize(("made", "mistake"), [(ImageReader, ""), (Whole, "all at once"), (Nothing, "nothing")])
def test_a_reader_is_tried_out(made: type, mistake: str):
    """The course's passes."""
    requires(verdict_on("m.quantize.reader", made), mistake)


HEAD = "from numba import cuda, float32\n\nTILE = 16\n\n\n"
WITHOUT_TILES = """
def multiply_shared(a, b, c):
    column, row = cuda.grid(2)
    if row < c.shape[0] and column < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[1]):
            total += a[row, k] * b[k, column]
        c[row, column] = total
"""


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({}, ""),
        ({"if row < a.shape[0] and k0 + x < a.shape[1] else float32(0)": ""}, "ended"),
        ({ANSWERS["m.kernel.shared"]: WITHOUT_TILES}, "not_tiled"),
        ({"        cuda.syncthreads()\n": ""}, "barrier"),
        ({"total +=": "total ="}, "wrong"),
        ({"range(0, a.shape[1], TILE)": "range(0, a.shape[1] // TILE * TILE, TILE)"}, "edges"),
        # Rows and columns of threads changed over: right, and against the grain of memory.
        ({"column, row = cuda.grid(2)": "row, column = cuda.grid(2)", "x, y = cuda.": "y, x = cuda."}, "uncoalesced"),
    ],
)
def test_a_kernel_is_run_in_the_simulator(tmp_path: Path, changes: dict[str, str], mistake: str):
    """What it did to memory is counted there; the answer's reads no more than tiles of that size have to."""
    text = ANSWERS["m.kernel.shared"]
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "kernel.py").write_text(HEAD + text)
    requires(verdict_on("m.kernel.shared", tmp_path / "kernel.py"), mistake)


def text_of(question: str) -> str:
    """Return the text that the answer to a question holds."""
    found: dict[str, str] = {}
    exec(ANSWERS[question], found)
    return next(value for name, value in found.items() if name != "__builtins__")


@pytest.fixture
def app(exported: Path, tmp_path: Path) -> Path:
    """Return the answer key's app.py: the lesson's half, and the answer's; its model is exported already."""
    models_dir().mkdir(parents=True, exist_ok=True)
    shutil.copy(exported, models_dir())
    given: dict[str, str] = {}
    source = SOURCE.read_text(encoding="utf-8")
    begin = source.index("model_part = '''")
    exec(source[begin : source.index("'''\n", begin + 16) + 4], given)
    path = tmp_path / "app.py"
    path.write_text(given["model_part"] + text_of("s.http.app"), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("app =", "app =", ""),
        ('raise HTTPException(422, "these bytes are not an image") from error', "return {}", "success"),
        ("app = FastAPI(", "app = FastAPY(", "does not start"),
        # `b64decode` raises no `binascii.Error` for a text beyond ASCII.
        ("except ValueError", "except binascii.Error", "server's fault"),
    ],
)
def test_an_app_is_started_and_asked(app: Path, old: str, new: str, mistake: str):
    """The answer's earns its points."""
    text = app.read_text()
    assert old in text
    loose = text.replace(", response_model=PredictReply", "") if mistake == "success" else text
    app.write_text(loose.replace(old, new))
    requires(verdict_on("s.http.app", app), mistake)


@pytest.mark.parametrize(
    ("question", "name", "old", "new", "mistake"),
    [
        ("s.http.dockerfile", "Dockerfile", "USER 1000\n", "", "root"),
        ("s.http.dockerfile", "Dockerfile", "COPY requirements.txt .", "COPY . .", "order"),
        ("s.http.dockerfile", "Dockerfile", ":3.11-slim", "", "no tag"),
        ("s.http.compose", "compose.yaml", "127.0.0.1:8000:8000", "8000:8000", "open port"),
        ("s.http.compose", "compose.yaml", ":ro", "", "writable"),
        ("s.http.client", "client.py", "    reply.raise_for_status()\n", "", "silent"),
        ("s.http.client", "client.py", 'float(reply.headers.get("Retry-After", 1))', "0", "at once"),
    ],
)
def test_a_file_for_the_service_is_read_or_run(
    tmp_path: Path, question: str, name: str, old: str, new: str, mistake: str
):
    """The answer's file earns its points, and with one change its mistake is named."""
    text = text_of(question)
    for content, named in ((text, ""), (text.replace(old, new), mistake)):
        (tmp_path / name).write_text(content.strip() + "\n", encoding="utf-8")
        requires(verdict_on(question, tmp_path / name), named)
