"""The report says which provider ran, and digs the reason for a fall-back out of what ONNX Runtime printed."""

from __future__ import annotations

import pytest

from labs.backends import BackendInfo
from labs.providers import ProviderFellBackError, ProviderReport, provider_report, require_provider
from labs.providers.report import reason_in

CUDA_MISSING = (
    "\x1b[1;31m2026-11-24 23:45:01 [E:onnxruntime:Default, provider_bridge_ort.cc:2369 TryGetProviderInfo_CUDA] "
    "/onnxruntime_src/x.cc:1962 onnxruntime::Provider& Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library "
    "/e/libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: cannot open shared object file: No such file "
    "or directory\n\x1b[m\n\x1b[0;93m2026-11-24 [W:onnxruntime:Default, pybind_state.cc:1099] Failed to create "
    "CUDAExecutionProvider. Require cuDNN 9.* and CUDA 12.*.\x1b[m"
)
DEVICE_MISSING = (
    "\x1b[1;31m2026-11-24 23:46:20 [E:onnxruntime:Default, provider_bridge_ort.cc:2310 Create] /o/f.cc:141 "
    "ParseDeviceType(x) [ERROR] [OpenVINO] Device GPU is not available\n\x1b[m"
)


class SaidBackend:
    """A backend that describes itself as the test says."""

    def __init__(self, used: dict[str, int], printed: str = "") -> None:
        self._info = BackendInfo("onnxruntime", "CUDAExecutionProvider", used)
        self._printed = printed

    def describe(self) -> BackendInfo:
        return self._info

    def printed(self) -> str:
        return self._printed


def test_fall_back_is_said_with_its_reason() -> None:
    """Nothing ran on the asked provider: the text names what did, and the missing library."""
    backend = SaidBackend({"CPUExecutionProvider": 56}, CUDA_MISSING)
    report = provider_report(backend)
    assert report.fell_back
    assert "it ran nothing: 56 on CPUExecutionProvider" in report.text
    assert "libcublasLt.so.12" in report.text
    with pytest.raises(ProviderFellBackError, match="ran nothing"):
        require_provider(backend)


def test_a_provider_that_ran_is_confirmed() -> None:
    """All nodes where they were wanted: no warning in the text, and require_provider passes."""
    report = require_provider(SaidBackend({"CUDAExecutionProvider": 56}, CUDA_MISSING))
    assert not report.fell_back
    assert not report.is_mixed
    assert report.text == "Asked for CUDAExecutionProvider. Nodes that ran: 56 on CUDAExecutionProvider, in fp32."


def test_a_shared_graph_is_no_fall_back_but_is_mentioned() -> None:
    """Some nodes stayed on the CPU: that costs copies, and the text says so."""
    report = provider_report(SaidBackend({"CPUExecutionProvider": 3, "CUDAExecutionProvider": 50}))
    assert report.is_mixed
    assert not report.fell_back
    assert "50 on CUDAExecutionProvider and 3 on CPUExecutionProvider" in report.text


def test_an_empty_profile_claims_nothing() -> None:
    """Without evidence, neither success nor fall-back is claimed."""
    report = ProviderReport("CUDAExecutionProvider", {}, "fp32")
    assert not report.fell_back
    assert "nothing is known" in report.text


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (CUDA_MISSING, "libcublasLt.so.12: cannot open shared object file: No such file or directory"),
        (DEVICE_MISSING, "[OpenVINO] Device GPU is not available"),
        (
            "EP Error /x.cc:539 void f() Please install TensorRT libraries as mentioned.",
            "Please install TensorRT libraries as mentioned",
        ),
        ("some harmless line", ""),
        ("", ""),
    ],
)
def test_reason_is_the_most_telling_line(printed: str, reason: str) -> None:
    """Colours, dates and source positions go; the cause stays."""
    assert reason_in(printed) == reason
