"""The real server: it says what torch says, honours its settings, and serves on whatever is done to it."""

from __future__ import annotations

import base64
import io
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from PIL import Image
from tritonclient.utils import InferenceServerException

from labs.data.labels import CLASS_NAMES
from labs.data.models import load_mobilenet_v2
from labs.data.preprocess import load_image, softmax, to_input
from labs.load import closed_loop, image_inputs
from labs.load.record import perf_analyzer_record
from labs.load.served import triton_target
from labs.runtimes.calling import caller
from labs.runtimes.opening import open_model
from labs.serve.models import int8_model
from labs.serve.page.asking import NoAnswerError, ask
from labs.serve.photos import write_input_data
from labs.serve.settings import PageSettings
from labs.serve.triton import catalogue
from labs.serve.triton.catalogue import instances
from labs.serve.triton.control import TritonError
from labs.serve.triton.environment import perf_analyzer
from labs.serve.triton.server import LocalTriton
from labs.serve.triton.trial import instances_of

#: Probabilities may differ by this much: float32 added up in another order, through fifty layers.
TOLERANCE = 2e-4

pytestmark = pytest.mark.xdist_group("triton")


def comes_true(asked: Callable[[], bool], within_s: float = 60.0) -> bool:
    """Return whether something becomes true within some time."""
    end_s = time.monotonic() + within_s
    while not asked() and time.monotonic() < end_s:
        time.sleep(0.05)
    return asked()


Answer = tuple[list[str], np.ndarray]


def classify(triton: LocalTriton, model: str, pictures: list[bytes]) -> Answer:
    """Return class names and probabilities, all pictures in one request."""
    texts = np.array([[base64.b64encode(one)] for one in pictures], dtype=object)
    answer = ask_triton(triton, model, "INPUT_IMAGE", texts, "BYTES")
    labels = [one.decode() for one in answer.as_numpy("FOOD_LABEL").ravel()]
    return labels, answer.as_numpy("PROBABILITY").ravel()


def logits(triton: LocalTriton, model: str, inputs: np.ndarray) -> np.ndarray:
    """Return the network's outputs for ready inputs."""
    return ask_triton(triton, model, "input", inputs, "FP32").as_numpy("output")


def ask_triton(triton: LocalTriton, model: str, name: str, values: np.ndarray, datatype: str):
    """Return the answer to one request."""
    given = grpcclient.InferInput(name, list(values.shape), datatype)
    given.set_data_from_numpy(values)
    with grpcclient.InferenceServerClient(triton.grpc) as client:
        return client.infer(model, [given], client_timeout=60)


@pytest.fixture(scope="module")
def inputs(pictures) -> np.ndarray:
    """Return the pictures as the network's inputs."""
    return np.stack([to_input(load_image(one)) for one in pictures])


@pytest.fixture(scope="module")
def expected(weights, inputs) -> np.ndarray:
    """Return torch's probabilities, with the one recipe and the one softmax."""
    return softmax(caller(load_mobilenet_v2(weights))(inputs))


@pytest.mark.parametrize("model", ["food_classifier", "food_classifier_ensemble"])
def test_models_that_take_pictures_agree_with_torch(triton, pictures, expected, model):
    """One request of six pictures: names and probabilities are torch's."""
    labels, probs = classify(triton, model, pictures)
    assert labels == [CLASS_NAMES[index] for index in expected.argmax(axis=1)]
    assert np.abs(probs - expected.max(axis=1)).max() < TOLERANCE


def test_the_onnx_backend_agrees_with_torch_and_onnx_runtime(triton, onnx_path, inputs, expected):
    """The whole distribution, not only its top; and the same bits as ONNX Runtime by itself gives, but for rounding."""
    served = logits(triton, "food_classifier_onnx", inputs)
    assert np.abs(softmax(served) - expected).max() < TOLERANCE
    alone = caller(open_model(onnx_path))
    assert np.abs(served - alone(inputs)).max() < 1e-3


@pytest.mark.parametrize("server", ["triton-python", "triton-onnx"])
def test_gourmetgrams_page_asks_both_models(triton, pictures, expected, server):
    """By configuration alone, the page shows what torch says; and what a model refuses becomes a sentence."""
    settings = PageSettings(server=server, url=triton.url)
    answers = [ask(picture, settings) for picture in pictures[:2]]
    assert [one.label for one in answers] == [CLASS_NAMES[index] for index in expected[:2].argmax(axis=1)]
    assert np.abs([one.probability for one in answers] - expected[:2].max(axis=1)).max() < TOLERANCE
    with pytest.raises(NoAnswerError, match="cannot be read as a picture") as refused:
        ask(b"no picture", settings)
    assert refused.value.status == 422
    with pytest.raises(NoAnswerError, match="no_such_model"):
        ask(pictures[0], settings.model_copy(update={"model": "no_such_model"}))


def test_the_int8_twin_says_what_its_file_says(triton, tmp_path, onnx_path, inputs, expected):
    """Loaded beside its float32 twin while the server runs; it gives what ONNX Runtime by itself makes of the file."""
    path = int8_model(tmp_path)
    triton.repository.write([catalogue.food_classifier_onnx(path, name="food_classifier_int8")])
    triton.load("food_classifier_int8")
    served = logits(triton, "food_classifier_int8", inputs)
    alone = caller(open_model(path))
    assert np.abs(served - alone(inputs)).max() < 1e-3
    assert (served.argmax(axis=1) == expected.argmax(axis=1)).sum() >= len(inputs) - 1
    assert path.stat().st_size < onnx_path.stat().st_size / 2
    triton.unload("food_classifier_int8")


def test_a_batch_that_is_run_a_few_at_a_time_gives_the_same(triton, folders, inputs):
    """run_batch_size cuts six pictures into runs of four and two: the answers are the same, in their order."""
    config, whole = folders["food_classifier_onnx"].config, logits(triton, "food_classifier_onnx", inputs)
    change(triton, f'{config}parameters {{ key: "run_batch_size" value {{ string_value: "4" }} }}')
    assert np.abs(logits(triton, "food_classifier_onnx", inputs) - whole).max() < 1e-3
    change(triton, config)


def test_requests_that_were_put_together_get_their_own_answers(triton, pictures, expected):
    """Six senders at once, batched by the server: each gets the answer to its own picture."""
    before = triton.statistics("food_classifier_onnx").executions, triton.statistics("food_classifier").executions
    names = ["food_classifier", "food_classifier_ensemble"]
    with ThreadPoolExecutor(12) as senders:
        asked = [senders.submit(classify, triton, name, [one]) for name in names for one in pictures]
    top = expected.argmax(axis=1).tolist()
    assert [one.result()[0] for one in asked] == [[CLASS_NAMES[index]] for index in (*top, *top)]
    after = triton.statistics("food_classifier_onnx").executions, triton.statistics("food_classifier").executions
    # Twelve requests, and fewer runs: dynamic batching and the concatenation are at work.
    assert sum(after) - sum(before) < 12


def test_a_bad_picture_spoils_only_its_own_request(triton, pictures, expected):
    """Batched with good ones, it is refused with a reason, and the others are answered."""
    with ThreadPoolExecutor(6) as senders:
        asked = [senders.submit(classify, triton, "food_classifier", [one]) for one in (*pictures[:4], b"no picture")]
    assert [one.result()[0][0] for one in asked[:4]] == [CLASS_NAMES[index] for index in expected.argmax(axis=1)[:4]]
    with pytest.raises(InferenceServerException, match="cannot decode"):
        asked[4].result()


def test_text_that_is_not_base64_is_refused_with_a_reason(triton):
    """The reason names the input and what it should hold."""
    text = np.array([[b"%%%"]], dtype=object)
    for model in ("food_classifier", "food_palette", "food_classifier_ensemble"):
        with pytest.raises(InferenceServerException, match="INPUT_IMAGE is not base64"):
            ask_triton(triton, model, "INPUT_IMAGE", text, "BYTES")


def test_the_palette_names_the_colours_of_a_picture(triton):
    """A picture of two colours, three to one: their names, in that order."""
    image = Image.new("RGB", (80, 80), (250, 0, 0))
    image.paste((0, 0, 200), (0, 0, 80, 20))
    image.save(content := io.BytesIO(), "PNG")
    text = np.array([[base64.b64encode(content.getvalue())]], dtype=object)
    answer = ask_triton(triton, "food_palette", "INPUT_IMAGE", text, "BYTES")
    colours, shares = (answer.as_numpy(name).ravel().tolist() for name in ("COLOURS", "SHARES"))
    assert {b"#fa0000", b"#0000c8"} <= set(colours)
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)


def test_it_listens_on_loopback_only(triton):
    """Nobody asked for the network."""
    server = triton.processes()[0]
    listening = [one for one in server.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    assert len(listening) == 3
    assert {one.laddr.ip.removeprefix("::ffff:") for one in listening} == {"127.0.0.1"}


def change(triton, config: str, name: str = "food_classifier_onnx") -> None:
    """Let the server read a model's new configuration."""
    triton.repository.write_config(name, config)
    triton.load(name)


def test_more_instances_are_added_and_any_other_change_begins_the_counters_anew(triton, folders, pictures):
    """A second process beside the first, which goes on; with another largest batch, nothing is counted yet."""
    config = folders["food_classifier_onnx"].config
    classify(triton, "food_classifier_ensemble", pictures)
    assert comes_true(lambda: instances_of(triton.pid, "food_classifier_onnx") == 1)
    assert triton.statistics("food_classifier_onnx").requests > 0
    change(triton, config.replace(instances(1), instances(2)))
    assert triton.statistics("food_classifier_onnx").requests > 0
    assert comes_true(lambda: instances_of(triton.pid, "food_classifier_onnx") == 2)
    assert triton.config("food_classifier_onnx")["instance_group"][0]["count"] == 2
    change(triton, config.replace("max_batch_size: 16", "max_batch_size: 8"))
    assert triton.statistics("food_classifier_onnx").requests == 0
    change(triton, config)


def test_a_change_under_load_loses_no_request(triton, folders, pictures):
    """Four senders go on while the model is loaded anew: the old one answers until the new one is ready."""
    folder = folders["food_classifier_onnx"]
    contents = [{"input": to_input(load_image(pictures[0]))[None]}]
    target = triton_target(triton, folder.name, contents)
    begun, found = threading.Event(), []
    loaded = threading.Thread(
        target=lambda: found.append(
            closed_loop(target, concurrency=4, duration_s=4, option="x", on_progress=lambda at, _: at and begun.set())
        )
    )
    loaded.start()
    assert begun.wait(60)
    change(triton, folder.config.replace("max_batch_size: 16", "max_batch_size: 8"))
    loaded.join()
    assert not found[0].load.failures
    assert len(found[0].samples) > 4
    change(triton, folder.config)


@pytest.mark.parametrize(
    ("name", "good", "bad", "says"),
    [
        ("food_label", "max_batch_size", "max_batch_sise", r"config\.pbtxt, line:column 3:15.*max_batch_sise"),
        ("food_classifier_onnx", 'name: "input"', 'name: "pixels"', r"names input 'pixels'.*inputs are: input"),
        ("food_classifier_onnx", 'name: "output"', 'name: "logits"', r"names output 'logits'.*outputs are: output"),
    ],
)
def test_a_broken_configuration_is_explained_and_the_old_one_serves_on(triton, pictures, name, good, bad, says):
    """The error says what and where; the models still answer, from the configuration that they had."""
    config = triton.repository.config(name)
    try:
        with pytest.raises(TritonError, match=f"{name} was not loaded.*{says}"):
            change(triton, config.replace(good, bad), name)
        assert classify(triton, "food_classifier_ensemble", pictures[:1])[0]
    finally:
        triton.repository.write_config(name, config)


def test_a_missing_model_file_is_named(triton, onnx_path):
    """The error names the file and the folder that it belongs into."""
    path = triton.repository.folder / "food_classifier_onnx" / "1" / "model.onnx"
    path.unlink()
    try:
        with pytest.raises(TritonError, match=r"no model\.onnx in food_classifier_onnx/1/"):
            triton.load("food_classifier_onnx")
    finally:
        path.write_bytes(onnx_path.read_bytes())


def test_a_record_of_perf_analyzer_has_samples_and_the_servers_side(triton, pictures, tmp_path):
    """Raw latencies, a throughput that they fit, and the queue apart from the model; ready for the ledger."""
    from labs.records.ledger import ledger

    write_input_data(tmp_path / "input.json", pictures)
    line = (
        f"perf_analyzer -u {triton.grpc} -i grpc -m food_classifier --input-data input.json -b 1 "
        "--concurrency-range 4 --measurement-mode count_windows --measurement-request-count 20 -s 999 "
        "--profile-export-file requests.json"
    )
    client = httpclient.InferenceServerClient(triton.http)
    before = client.get_inference_statistics("food_classifier")
    command = [str(perf_analyzer()), *line.split()[1:]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-1500:]
    after = client.get_inference_statistics("food_classifier")
    target = triton_target(triton, "food_classifier", image_inputs(pictures))
    made = perf_analyzer_record(target, tmp_path / "requests.json", before, after, option="python", concurrency=4)
    record = ledger().append(made)
    assert record.concurrency == 4
    assert record.backend == "triton-python"
    assert record.details["settings"]["dynamic_batching"]["max_queue_delay_microseconds"] == 20_000
    assert record.load.server.infer_s > 0
    assert sum(map(int, record.load.server.batches)) > 0
    # Little's law: as many are under way as arrive a second, times the seconds that each takes.
    in_flight = len(record.samples) / record.load.duration_s * np.mean(record.samples)
    assert 2 < in_flight < 6


def test_the_older_labs_page_and_a_grpc_client_hear_the_same(triton, pictures):
    """Over tritonclient.http with JSON outputs, as the older labs' Flask page asks, and over tritonclient.grpc."""
    given = httpclient.InferInput("INPUT_IMAGE", [1, 1], "BYTES")
    given.set_data_from_numpy(np.array([[base64.b64encode(pictures[0]).decode()]], dtype=object))
    outputs = [httpclient.InferRequestedOutput(name, binary_data=False) for name in ("FOOD_LABEL", "PROBABILITY")]
    with httpclient.InferenceServerClient(triton.http) as client:
        found = client.infer("food_classifier", [given], outputs=outputs)
    labels, probs = classify(triton, "food_classifier", pictures[:1])
    assert found.as_numpy("FOOD_LABEL").tolist() == [labels]
    assert found.as_numpy("PROBABILITY")[0, 0] == pytest.approx(probs[0], abs=1e-6)


def test_grpc_asks_for_the_key_too_and_the_owner_has_it(triton):
    """tritonclient loads with the header that the server expects, and not without it; HTTP: `test_other_users.py`."""
    key = {f"triton-grpc-protocol-{name}": value for name, value in triton.headers.items()}
    with grpcclient.InferenceServerClient(triton.grpc) as client:
        with pytest.raises(InferenceServerException, match="restricted"):
            client.load_model("food_palette")
        client.load_model("food_palette", headers=key)
        assert client.is_model_ready("food_palette")
