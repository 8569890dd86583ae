"""The real server: it says what torch says, honours its settings, and serves on whatever is done to
it.
"""

import base64
import io
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from PIL import Image
from tritonclient.utils import InferenceServerException

from grading.builder import repository as solved
from labs import assets
from labs.data.dataset import iterate
from labs.data.intake import open_photo, to_input
from labs.data.labels import CLASS_NAMES
from labs.data.models import load_mobilenet_v2
from labs.data.preprocess import softmax
from labs.load import image_inputs
from labs.load.record import perf_analyzer_record
from labs.load.served import triton_target
from labs.runtimes.calling import caller
from labs.serve.page.asking import NoPredictionError, ask
from labs.serve.photos import write_input_data
from labs.serve.triton import catalogue
from labs.serve.triton.catalogue import ModelFolder, ModelRepository, with_instances
from labs.serve.triton.control import TritonError
from labs.serve.triton.environment import perf_analyzer
from labs.serve.triton.server import LocalTriton, start
from labs.workspace import WORKSPACE_VARIABLE
from tests.labs.serve.test_service import TOLERANCE

pytestmark = pytest.mark.xdist_group("triton")

#: CI is busier than a laptop.
WITHIN_S = 180.0

#: Requests that come together run together.
BATCHING = "dynamic_batching { max_queue_delay_microseconds: 20000 }"


@pytest.fixture(scope="session")
def pictures() -> list[bytes]:
    """Return six evaluation pictures of six classes."""
    paths = [path for path, _ in iterate(assets.dataset("food11-mini"), "evaluation")]
    places = [number * len(paths) // 6 for number in range(6)]
    return [paths[place].read_bytes() for place in places]


@pytest.fixture(scope="module")
def folders(onnx_path: Path) -> dict[str, ModelFolder]:
    """Return the repository's models by name."""
    classifier = solved.food_classifier(assets.model(), BATCHING)
    config = classifier.config.replace('"food_classifier"', '"food_classifier_whole"')
    files = catalogue.beside()  # no weights
    files |= {"model.py": classifier.files["model.py"], "model.onnx": onnx_path}
    models = [
        classifier,
        ModelFolder("food_classifier_whole", config, files),
        solved.food_classifier_onnx(onnx_path, BATCHING),
        catalogue.food_preprocess(),
        catalogue.food_label(),
        catalogue.food_palette(),
        solved.food_ensemble(),
    ]
    return {model.name: model for model in models}


@pytest.fixture(scope="module")
def triton(
    folders: dict[str, ModelFolder], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalTriton]:
    """Yield a real server with all of them."""
    room = tmp_path_factory.mktemp("triton")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKSPACE_VARIABLE, str(room / "workspace"))
        repository = ModelRepository(room / "models")
        with start(folders.values(), repository=repository, within_s=WITHIN_S) as server:
            yield server


def classify(
    triton: LocalTriton, model: str, pictures: list[bytes]
) -> tuple[list[str], np.ndarray]:
    """Return class names and probabilities, all pictures in one request."""
    texts = np.array([[base64.b64encode(picture)] for picture in pictures], dtype=object)
    answer = triton.infer(model, {"INPUT_IMAGE": texts})
    labels = [label.decode() for label in answer["FOOD_LABEL"].ravel()]
    return labels, answer["PROBABILITY"].ravel()


def logits(triton: LocalTriton, model: str, inputs: np.ndarray) -> np.ndarray:
    """Return the network's outputs for ready inputs."""
    return triton.infer(model, {"input": inputs})["output"]


@pytest.fixture(scope="module")
def inputs(pictures) -> np.ndarray:
    """Return the pictures as the network's inputs."""
    return np.stack([to_input(open_photo(picture)) for picture in pictures])


@pytest.fixture(scope="module")
def expected(inputs) -> np.ndarray:
    """Return torch's probabilities, with the one recipe and the one softmax."""
    return softmax(caller(load_mobilenet_v2(assets.model()))(inputs))


def best(expected: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return each picture's most probable class and its probability."""
    names = [CLASS_NAMES[index] for index in expected.argmax(axis=1)]
    return names, expected.max(axis=1)


def test_all_models_agree_with_torch(triton, pictures, inputs, expected):
    """Six pictures in one request: names and probabilities; of the ONNX model the whole
    distribution.
    """
    names, top = best(expected)
    for model in ("food_classifier", "food_classifier_whole", "food_classifier_ensemble"):
        labels, probabilities = classify(triton, model, pictures)
        assert labels == names
        assert probabilities == pytest.approx(top, abs=TOLERANCE)
    distribution = softmax(logits(triton, "food_classifier_onnx", inputs))
    assert distribution == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("model", ["food_classifier", "food_classifier_ensemble"])
def test_gourmetgrams_page_asks_both_models(triton, pictures, expected, model):
    """By configuration alone, the page shows torch's answer; a model's refusal becomes a
    sentence.
    """
    answers = [ask(picture, triton.url, model) for picture in pictures[:2]]
    names, top = best(expected[:2])
    assert [answer.label for answer in answers] == names
    assert [answer.probability for answer in answers] == pytest.approx(top, abs=TOLERANCE)
    with pytest.raises(NoPredictionError, match="cannot be read as a picture") as refused:
        ask(b"no picture", triton.url, model)
    assert refused.value.status == 422
    with pytest.raises(NoPredictionError, match="no_such_model"):
        ask(pictures[0], triton.url, "no_such_model")


def test_requests_that_were_put_together_get_their_own_answers(triton, pictures, expected):
    """Many requests at once, batched by the server, and one without a picture: only this one is
    refused, with a reason.
    """
    before = executions(triton)
    with ThreadPoolExecutor(14) as senders:

        def submit(model: str, picture: bytes) -> Future:
            return senders.submit(classify, triton, model, [picture])

        bad = [submit(model, b"no picture") for model in (*BATCHED, "food_palette")]
        asked = [submit(model, picture) for model in BATCHED for picture in pictures]
    names, _ = best(expected)
    assert [answer.result()[0] for answer in asked] == [[name] for name in names * len(BATCHED)]
    for answer in bad:
        assert "INPUT_IMAGE: these 10 bytes are no JPEG" in str(answer.exception())
    assert executions(triton) - before < len(asked)


#: Models that run in batches, alone or in an ensemble.
BATCHED = ("food_classifier", "food_classifier_ensemble")


def executions(triton: LocalTriton) -> int:
    """Return how many batches the networks have run."""
    networks = ("food_classifier", "food_classifier_onnx")
    return sum(triton.statistics(name).executions for name in networks)


def test_the_palette_names_the_colours_of_a_picture(triton):
    """A picture of two colours, three to one, the most frequent first."""
    image = Image.new("RGB", (80, 80), (250, 0, 0))
    image.paste((0, 0, 200), (0, 0, 80, 20))
    content = io.BytesIO()
    image.save(content, "PNG")
    text = np.array([[base64.b64encode(content.getvalue())]], dtype=object)
    answer = triton.infer("food_palette", {"INPUT_IMAGE": text})
    assert {b"#fa0000", b"#0000c8"} <= set(answer["COLOURS"].ravel())
    shares = answer["SHARES"].ravel().tolist()
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)


def test_it_listens_on_loopback_only(triton):
    """Nobody asked for the network."""
    server = triton.processes()[0]
    connections = server.net_connections("tcp")
    listening = [each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN]
    assert len(listening) == 3
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_settings_are_honoured_and_a_broken_one_leaves_the_old_in_place(
    triton, folders, pictures, inputs
):
    """A second instance, and then a misspelt input: the error says it, and requests go on."""
    name = "food_classifier_onnx"
    config = folders[name].config
    path = triton.repository.folder / name / "config.pbtxt"
    path.write_text(with_instances(config, 2))
    triton.load(name)
    assert triton.config(name)["instance_group"][0]["count"] == 2
    for good, bad, says in (
        ('name: "input"', 'name: "pixels"', "'pixels'"),
        ("max_batch_size", "max_sise", "read text proto"),
    ):
        path.write_text(config.replace(good, bad))
        with pytest.raises(TritonError, match=f"{name} was not loaded.*{says}"):
            triton.load(name)
    assert len(logits(triton, name, inputs)) == len(inputs)
    path.write_text(config)


@pytest.mark.parametrize("killed", ["food_classifier", "food_preprocess"])
def test_a_killed_instance_is_called_ready_in_this_version_and_only_a_photo_shows_it(
    triton, pictures, killed
):
    """As the lesson says of Triton 24.10: loading changes nothing, and `revive` brings it back, or
    an ensemble.

    Releases since December 2025 ask the process for a model's readiness: with one of those, the
    lesson's text changes.
    """
    asked = "food_classifier_ensemble" if killed == "food_preprocess" else killed
    texts = image_inputs(pictures)[0]
    assert triton.revive(asked, texts)
    instance_of(triton, killed).kill()
    with pytest.raises(TritonError, match="not healthy"):
        classify(triton, asked, pictures)
    triton.load(killed)
    with httpclient.InferenceServerClient(triton.http) as client:
        assert client.is_server_ready()
        assert client.is_model_ready(killed)
        assert client.is_model_ready(asked)
    assert [triton.revive(asked, texts) for _ in range(2)] == [False, True]


def instance_of(triton: LocalTriton, model: str) -> psutil.Process:
    """Return the process of a model's first instance."""
    commands = {}
    for process in triton.processes():
        commands[process] = Path(f"/proc/{process.pid}/cmdline").read_text()
    (instance,) = [process for process in commands if f"{model}_0_0" in commands[process]]
    return instance


def test_a_record_of_perf_analyzer_has_samples_and_the_servers_side(triton, pictures, tmp_path):
    """Raw latencies, a throughput that agrees with them, and the server's counters, from
    perf_analyzer's own export.
    """
    write_input_data(tmp_path / "input.json", pictures)
    line = (
        f"{perf_analyzer()} -u {triton.grpc} -i grpc -m food_classifier --input-data input.json "
        "-b 1 --concurrency-range 4 --measurement-mode count_windows "
        "--measurement-request-count 20 -s 999 --profile-export-file requests.json"
    )
    client = httpclient.InferenceServerClient(triton.http)
    before = client.get_inference_statistics("food_classifier")
    subprocess.run(line.split(), cwd=tmp_path, capture_output=True, timeout=300, check=True)
    after = client.get_inference_statistics("food_classifier")
    target = triton_target(triton, "food_classifier", image_inputs(pictures))
    record = perf_analyzer_record(
        target, tmp_path / "requests.json", before, after, option="python", concurrency=4
    )
    assert (record.concurrency, record.backend) == (4, "triton-python")
    assert record.libraries["tritonserver"] == "2.51.0"
    batching = record.details["settings"]["dynamic_batching"]
    assert batching["max_queue_delay_microseconds"] == 20_000
    assert record.load.server.infer_s > 0
    assert sum(map(int, record.load.server.batches)) > 0
    # Little's law: the requests under way are the arrivals per second times the seconds of each.
    rate_rps = len(record.samples) / record.load.duration_s
    assert 2 < rate_rps * np.mean(record.samples) < 6


def test_grpc_asks_for_the_key_too_and_the_owner_has_it(triton):
    """tritonclient can load only with the header that the server expects; HTTP:
    `test_other_users.py`.
    """
    key = {f"triton-grpc-protocol-{name}": value for name, value in triton.headers.items()}
    with grpcclient.InferenceServerClient(triton.grpc) as client:
        with pytest.raises(InferenceServerException, match="restricted"):
            client.load_model("food_palette")
        client.load_model("food_palette", headers=key)
        assert client.is_model_ready("food_palette")
