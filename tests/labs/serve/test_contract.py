"""The contract and the settings, without a server: what is documented is what is kept."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from labs.data.preprocess import load_image
from labs.serve.app import create_app
from labs.serve.contract import (
    KINDS,
    TINY_PNG_BASE64,
    NotBase64Error,
    PredictRequest,
    Problem,
    picture_bytes,
    picture_text,
)
from labs.serve.settings import Settings


@pytest.fixture(scope="module")
def openapi() -> dict:
    """Return the app's own description; making the app loads nothing."""
    return create_app(Settings()).openapi()


def test_the_description_shows_requests_that_can_be_sent(openapi):
    """The example is a real picture, and every path of the contract is described with its refusals."""
    assert set(openapi["paths"]) == {"/predict", "/predict/raw", "/healthz", "/readyz", "/metrics"}
    schema = openapi["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    request = PredictRequest(**schema["examples"][0])
    assert load_image(picture_bytes(request.image)).size == (1, 1)
    responses = openapi["paths"]["/predict"]["post"]["responses"]
    assert {"200", "413", "422", "503"} <= set(responses)
    assert "application/problem+json" in responses["422"]["content"]
    reply = openapi["components"]["schemas"]["PredictReply"]
    assert set(reply["properties"]) == {"prediction", "probability"} == set(reply["required"])


def test_every_refusal_is_described_in_the_form_in_which_it_is_sent(openapi):
    """Each kind of problem stands under its status, as problem details and as nothing else."""
    responses = openapi["paths"]["/predict"]["post"]["responses"]
    for kind, (status, title) in KINDS.items():
        reply = responses[str(status)]
        assert title in reply["description"]
        assert list(reply["content"]) == ["application/problem+json"]
        assert Problem(**reply["content"]["application/problem+json"]["examples"][kind]["value"]).title == title


def test_base64_goes_there_and_back():
    """What one side writes the other reads; text that only looks like it is refused."""
    content = bytes(range(256))
    assert picture_bytes(picture_text(content)) == content
    for wrong in (TINY_PNG_BASE64[:-1], TINY_PNG_BASE64 + "\n", "a b=", "-_-_"):
        with pytest.raises(NotBase64Error):
            picture_bytes(wrong)


def test_settings_come_from_the_environment_and_go_back():
    """Names and types are checked, other variables are left alone, and another process reads what was written."""
    found = Settings.from_environment(
        {
            "LABS_MODEL": "/models/food11.onnx",
            "LABS_MAX_BATCH_SIZE": "8",
            "LABS_WAIT_FOR_MODEL": "true",
            "LABS_BIND": "x",
        }
    )
    assert (found.kind, found.max_batch_size, found.wait_for_model) == ("onnxruntime", 8, True)
    assert Settings.from_environment(found.to_environment()) == found
    assert Settings.from_environment({}).kind == "torch"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"backend": "onnxruntime"}, "LABS_MODEL"),
        ({"model": "a.onnx", "backend": "torch"}, "safetensors"),
        ({"model": "a.safetensors", "backend": "openvino"}, r"\.onnx"),
        ({"model": "a.onnx", "backend": "openvino", "device": "cuda"}, "OpenVINO"),
        ({"queue_limit": -1}, "queue_limit"),
        ({"max_batch_size": 0}, "max_batch_size"),
        ({"instances": "many"}, "instances"),
        ({"queu_limit": 1}, "queu_limit"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(values, says):
    """The error names the setting."""
    with pytest.raises(ValidationError, match=says):
        Settings(**values)
