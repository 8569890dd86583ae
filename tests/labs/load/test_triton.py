"""Requests to Triton, encoded once: read back by the protocol's own means, and sent over a real gRPC connection."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from tritonclient.grpc.service_pb2 import ModelInferRequest
from tritonclient.utils import deserialize_bytes_tensor

from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.served import triton_grpc
from tests.labs.load.conftest import SERVED

IMAGES = [b"one picture", b"another picture"]


def test_grpc_messages_carry_one_request_each() -> None:
    """Shape, type and bytes, of a tensor as of an encoded picture."""
    images = np.arange(2 * 3 * 2 * 2, dtype=np.float32).reshape(2, 3, 2, 2)
    target = triton_grpc("127.0.0.1:8001", "food_classifier_onnx", tensor_inputs(images), SERVED)
    message = ModelInferRequest.FromString(target.bodies[1])
    assert (message.model_name, list(message.inputs[0].shape)) == ("food_classifier_onnx", [1, 3, 2, 2])
    assert message.raw_input_contents[0] == images[1].tobytes()
    target = triton_grpc("127.0.0.1:8001", "food_classifier", image_inputs(IMAGES), SERVED)
    message = ModelInferRequest.FromString(target.bodies[1])
    assert (message.inputs[0].datatype, list(message.inputs[0].shape)) == ("BYTES", [1, 1])
    assert deserialize_bytes_tensor(message.raw_input_contents[0]).tolist() == [base64.b64encode(IMAGES[1])]


@pytest.fixture
def grpc_address() -> Iterator[str]:
    """Yield the address of a gRPC server that counts its calls and refuses each fifth."""
    calls = []

    def infer(request: bytes, context: grpc.ServicerContext) -> bytes:
        calls.append(request)
        if len(calls) % 5 == 0:
            context.abort(grpc.StatusCode.UNAVAILABLE, "too busy")
        return b"answer"

    handler = grpc.method_handlers_generic_handler(
        "inference.GRPCInferenceService", {"ModelInfer": grpc.unary_unary_rpc_method_handler(infer)}
    )
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


def test_a_run_over_grpc(grpc_address) -> None:
    """gRPC's codes are kept as the HTTP statuses that mean the same."""
    target = triton_grpc(grpc_address, "food_classifier", image_inputs(IMAGES), SERVED)
    made = closed_loop(target, concurrency=2, requests=30, warmup_requests=5, option="grpc")
    assert (len(made.samples), len(made.load.failures)) == (24, 6)
    assert {one.status for one in made.load.failures} == {503}
    assert made.details["first_answer"] == "answer"
    assert made.load.target == "gRPC food_classifier"
