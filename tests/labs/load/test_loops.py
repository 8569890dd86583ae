"""Closed and open loops against real servers, from a real sender's process, and how busy the
machine was.
"""

import base64
import dataclasses
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from types import SimpleNamespace

import grpc
import numpy as np
import psutil
import pynvml
import pytest
from tritonclient.grpc.service_pb2 import ModelInferRequest
from tritonclient.utils import deserialize_bytes_tensor

from labs.load import (
    LoadTarget,
    NothingAnsweredError,
    Served,
    closed_loop,
    image_inputs,
    loops,
    open_loop,
    predict,
    tensor_inputs,
)
from labs.load.race import LEAST_ROUNDS, of, race, together
from labs.load.sender import arrivals
from labs.load.served import triton_grpc
from labs.load.usage import Sampler
from labs.records import Ledger, ModelFile
from labs.runtimes.progress import Cancelled
from labs.serve.triton.control import Counters

SERVED = Served(ModelFile("food11.onnx", "a" * 64, 9_000_000), "told", settings={"instances": 1})


class ToldServer:
    """Its answers, its duration, and the requests it has seen."""

    def __init__(self, *, one_at_a_time: bool = False) -> None:
        self.seen: list[bytes] = []
        self.in_flight = self.most_in_flight = 0
        self.status: Callable[[int], int] = lambda number: 200
        self.pause_s: Callable[[int], float] = lambda number: 0.002
        self._lock = threading.Lock()
        kind = HTTPServer if one_at_a_time else ThreadingHTTPServer
        self._server = kind(("127.0.0.1", 0), self._handler(one_at_a_time))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self, one_at_a_time: bool) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            # A single-threaded server would wait for the next request on the first connection for
            # ever.
            protocol_version = "HTTP/1.0" if one_at_a_time else "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with server._lock:
                    number = len(server.seen)
                    server.seen.append(body)
                    server.in_flight += 1
                    server.most_in_flight = max(server.most_in_flight, server.in_flight)
                time.sleep(server.pause_s(number))
                with server._lock:
                    server.in_flight -= 1
                self.send_response(server.status(number))
                self.send_header("content-length", "5")
                self.end_headers()
                self.wfile.write(b"Bread")

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def told_server() -> Iterator[ToldServer]:
    """Yield a server that answers every request after 2 ms until a test tells it otherwise."""
    server = ToldServer()
    yield server
    server.close()


@pytest.fixture
def told_target(told_server: ToldServer) -> LoadTarget:
    """Return a target on that server with two different bodies."""
    return predict(told_server.url, [b"first", b"second"], SERVED, raw=True)


def test_a_closed_loop_is_recorded_whole(told_server, told_target, tmp_path) -> None:
    """Every request has its start and latency; the warm-up is sent and not counted; the ledger
    gives it back equal.
    """
    details = {"lesson": 38}
    record = closed_loop(told_target, concurrency=3, requests=40, option="plain", details=details)
    assert len(record.samples) == len(record.load.offsets_s) == 40
    assert (record.kind, record.concurrency, record.warmup_count) == ("load", 3, 4)
    assert len(told_server.seen) == 40 + record.warmup_count
    assert 2 <= told_server.most_in_flight <= 3
    assert told_server.seen.count(b"first") == told_server.seen.count(b"second")
    assert min(record.samples) >= 0.002
    assert record.details["first_answer"] == "Bread"
    assert record.details["settings"] == {"instances": 1}
    assert record.details["lesson"] == 38
    assert record.model.sha256 == "a" * 64
    # Each sender waits: a request of the fourth cannot begin before one of the first three has
    # ended.
    ends = sorted(np.add(record.load.offsets_s, record.samples))
    rounded_s = 3e-6
    for begin, end in zip(record.load.offsets_s[3:], ends, strict=False):
        assert begin >= end - rounded_s
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(record)
    assert list(ledger) == [record]


def test_failures_are_kept_apart(told_server, told_target) -> None:
    """Refusals do not flatter the percentiles, and each keeps its status."""
    told_server.status = lambda number: 503 if number % 4 == 3 else 200
    record = closed_loop(told_target, concurrency=2, requests=40, option="refusing")
    assert {failure.status for failure in record.load.failures} == {503}
    assert len(record.load.failures) == 10
    assert len(record.samples) == 30
    assert record.load.error_rate == pytest.approx(0.25)


def test_nobody_there_is_said_so() -> None:
    """A run without one good answer is no record; the message shows what came instead."""
    target = predict("http://127.0.0.1:9", [b"x"], SERVED, raw=True)
    with pytest.raises(NothingAnsweredError, match=r"none of 5 requests.*Connect"):
        closed_loop(target, concurrency=1, requests=5, option="nobody")


def test_arrivals_are_poisson() -> None:
    """Their number has the mean and the variance of a Poisson count, and a seed repeats them."""
    counts = [len(arrivals(50, 2.0, seed)) for seed in range(400)]
    assert np.mean(counts) == pytest.approx(100, rel=0.02)
    assert np.var(counts) == pytest.approx(100, rel=0.25)
    assert np.array_equal(arrivals(50, 2.0, 1), arrivals(50, 2.0, 1))
    assert arrivals(50, 2.0, 1).max() < 2.0
    assert arrivals(1e-6, 2.0, 1).tolist() == [1.0]


def test_an_open_loop_keeps_its_appointments(told_target) -> None:
    """Requests are due at the seed's Poisson arrivals, and each latency is counted from then."""
    record = open_loop(told_target, rate_rps=80, duration_s=1.0, seed=11, option="open")
    assert record.load.mode == "open"
    assert record.load.offered_rps == 80
    assert record.load.offsets_s == pytest.approx(arrivals(80, 1.0, 11), abs=1e-5)
    lag = np.subtract(record.load.sent_offsets_s, record.load.offsets_s)
    assert lag.min() >= -1e-5
    assert all(np.asarray(record.samples) >= lag + 0.002 - 1e-5)


def test_a_stall_is_felt_by_all_who_came_meanwhile() -> None:
    """Coordinated omission: a stall is one slow request in a closed loop, and in an open one all
    that were due.
    """
    slow = {}
    for mode in ("closed", "open"):
        server = ToldServer(one_at_a_time=True)
        server.pause_s = lambda number: 0.8 if number == 15 else 0.002
        target = predict(server.url, [b"x"], SERVED, raw=True)
        if mode == "closed":
            record = closed_loop(target, concurrency=1, requests=30, warmup_requests=2, option=mode)
        else:
            record = open_loop(target, rate_rps=60, duration_s=1.0, warmup_requests=2, option=mode)
        slow[mode] = sum(sample > 0.3 for sample in record.samples)
        server.close()
    assert slow["closed"] >= 1
    assert slow["open"] >= slow["closed"] + 10


def test_a_run_can_be_stopped(told_target) -> None:
    """Stopping ends the sender's process at once and records nothing."""

    def on_progress(fraction: float, text: str) -> None:
        if "requests/s" in text:
            raise Cancelled("enough")

    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(Cancelled):
        closed_loop(
            told_target, concurrency=1, duration_s=60, option="long", on_progress=on_progress
        )
    assert {child.pid for child in psutil.Process().children()} <= before


def test_a_silent_sender_is_ended(told_target, monkeypatch) -> None:
    """One that stands still ends the run with a message, and the next run has another."""
    monkeypatch.setattr(loops, "_SILENT_WAITS", 1)
    stopped = []

    def stop_sender(fraction: float, text: str) -> None:
        if "requests/s" in text and not stopped:
            for child in psutil.Process().children():
                if "labs.load.sender" in child.cmdline():
                    child.suspend()
                    stopped.append(child)

    run = partial(closed_loop, told_target, concurrency=1, timeout_s=0.5)
    with pytest.raises(loops.SenderError, match=r"said nothing for 3 seconds.*Run it again"):
        run(duration_s=60, option="silent", on_progress=stop_sender)
    assert stopped
    assert not any(child.is_running() for child in stopped)
    assert len(run(requests=5, option="next").samples) == 5


def test_progress_and_load_are_told(told_target) -> None:
    """A live picture gets rate and latency while the run goes on; the record, how busy the machine
    was.
    """
    fractions = []
    texts = []

    def on_progress(fraction: float, text: str) -> None:
        fractions.append(fraction)
        texts.append(text)

    record = closed_loop(
        told_target, concurrency=2, duration_s=1.5, option="x", on_progress=on_progress
    )
    assert len(fractions) >= 4
    assert fractions == sorted(fractions)
    assert "requests/s, p50 " in texts[-2]
    assert record.load.usage.cpu
    assert all(0 <= share <= 1 for share in record.load.usage.cpu)


@pytest.mark.parametrize(
    "wrong", [{"concurrency": 0}, {"concurrency": 1, "duration_s": 1, "requests": 1}]
)
def test_what_cannot_be_meant_is_refused(told_target, wrong) -> None:
    """Without a sender, or with two ends, there is no run."""
    with pytest.raises(ValueError, match="starts at 1"):
        closed_loop(told_target, option="x", **wrong)


def test_the_servers_counters_are_the_runs_alone(told_server, told_target) -> None:
    """They are read after the warm-up and before the first counted request, however few requests
    there are.
    """

    def counters() -> Counters:
        count = len(told_server.seen)
        return Counters(count, count, 0.0, 0.0, 0.002 * count, 0.0)

    counted = dataclasses.replace(told_target, counters=counters)
    record = closed_loop(counted, concurrency=1, requests=1, warmup_requests=5, option="counted")
    assert (record.load.server.requests, len(told_server.seen)) == (1, 6)
    assert record.load.server.infer_s == pytest.approx(0.002)


def test_what_is_done_together_stops_together() -> None:
    """Each waits for the other, which only works side by side; the first one's progress is told,
    and can stop both.
    """
    meeting = threading.Barrier(2)
    reports = []

    def on_progress(fraction: float, text: str) -> None:
        reports.append((fraction, text))

    def work(on_progress, name: str) -> str:
        meeting.wait(30)
        on_progress(0.5, name)
        return name

    works = [partial(work, name=name) for name in ("first", "second")]
    assert together(*works, on_progress=on_progress) == ["first", "second"]
    assert reports == [(0.5, "first")]

    def long(on_progress) -> None:
        while True:
            on_progress(0.1, "")

    def cancel(*_: object) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        together(long, long, on_progress=cancel)


@pytest.mark.parametrize("cards", [0, 2])
def test_a_process_that_computes_is_seen(cards: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sampler sees this process use a processor; each GPU has its own column; a missing one
    counts 0.
    """
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: cards)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetUtilizationRates", lambda index: SimpleNamespace(gpu=40 + index)
    )
    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetMemoryInfo", lambda index: SimpleNamespace(used=60 + index)
    )
    no_process = 2**22 - 3
    here = Sampler(os.getpid(), [os.getpid()], every_s=0.2)
    gone = Sampler(os.getpid(), [no_process], every_s=0.2)
    here.start()
    gone.start()
    give_up_s = time.monotonic() + 60
    while time.monotonic() < give_up_s:
        sum(range(10_000))  # a busy machine may take a second and more for a reading
        if len(here._rows) >= 2 and len(gone._rows) >= 2:
            break
    used, unknown = here.stop(), gone.stop()
    readings = len(used.offsets_s)
    assert readings >= 2
    assert len(used.cpu) == len(used.memory_bytes) == readings
    assert min(map(sum, (used.sender_cores, used.server_cores, used.cpu))) > 0
    assert [shares[0] for shares in used.gpu] == [0.4, 0.41][:cards]
    assert list(map(set, used.gpu_memory_bytes)) == [{60}, {61}][:cards]
    assert set(unknown.server_cores) == {0.0}


IMAGES = [b"one picture", b"another picture"]


def test_grpc_messages_carry_one_request_each() -> None:
    """Shape, type and bytes, of a tensor as of an encoded picture."""
    images = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    target = triton_grpc("127.0.0.1:8001", "food_classifier_onnx", tensor_inputs(images), SERVED)
    message = ModelInferRequest.FromString(target.bodies[1])
    assert message.model_name == "food_classifier_onnx"
    assert list(message.inputs[0].shape) == [1, 3, 2, 2]
    assert message.raw_input_contents[0] == images[1].tobytes()
    target = triton_grpc("127.0.0.1:8001", "food_classifier", image_inputs(IMAGES), SERVED)
    message = ModelInferRequest.FromString(target.bodies[1])
    assert message.inputs[0].datatype == "BYTES"
    assert list(message.inputs[0].shape) == [1, 1]
    texts = deserialize_bytes_tensor(message.raw_input_contents[0])
    assert texts.tolist() == [base64.b64encode(IMAGES[1])]


def test_a_race_ends_with_the_round_in_which_its_time_is_over(told_target) -> None:
    """A slow machine measures fewer rounds, and five at least; without a limit all rounds run."""
    targets = {"first": told_target, "second": told_target}
    asked = {"concurrency": 1, "rounds": LEAST_ROUNDS + 2, "requests": 2, "warmup_requests": 0}
    whole = race(targets, **asked)
    cut = race(targets, **asked, within_s=0)
    for records, rounds in ((whole, LEAST_ROUNDS + 2), (cut, LEAST_ROUNDS)):
        for option in targets:
            assert [run.details["round"] for run in of(records, option)] == list(range(rounds))


@pytest.fixture
def grpc_address() -> Iterator[str]:
    """Yield the address of a gRPC server that counts its calls and refuses each fifth."""
    calls = []

    def infer(request: bytes, context: grpc.ServicerContext) -> bytes:
        calls.append(request)
        if len(calls) % 5 == 0:
            context.abort(grpc.StatusCode.UNAVAILABLE, "too busy")
        return b"answer"

    methods = {"ModelInfer": grpc.unary_unary_rpc_method_handler(infer)}
    handler = grpc.method_handlers_generic_handler("inference.GRPCInferenceService", methods)
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


def test_a_run_over_grpc(grpc_address) -> None:
    """gRPC's codes are kept as the HTTP statuses that mean the same."""
    target = triton_grpc(grpc_address, "food_classifier", image_inputs(IMAGES), SERVED)
    record = closed_loop(target, concurrency=2, requests=30, warmup_requests=5, option="grpc")
    assert (len(record.samples), len(record.load.failures)) == (24, 6)
    assert {failure.status for failure in record.load.failures} == {503}
    assert record.details["first_answer"] == "answer"
    assert record.load.target == "gRPC food_classifier"
