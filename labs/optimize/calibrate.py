"""Which range each activation needs, measured once on real pictures and reused for every quantized file."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from labs.optimize.export import INPUT_NAME
from labs.progress import OnProgress, silent

#: Ways to choose a range. 'minmax' covers every value seen; 'percentile' leaves out the rarest; 'entropy' picks the
#: range whose integer histogram resembles the real one most (KL divergence).
METHODS = ("minmax", "percentile", "entropy")

#: Pictures in one step: ONNX Runtime's histograms hold all activations of a step in memory (27 MB a picture here).
_CHUNK = 8


@dataclass(frozen=True)
class Calibration:
    """The range of every activation in a model."""

    #: A name from ``METHODS``.
    method: str
    #: Lowest and highest value to be represented, by name of the value in the graph.
    ranges: dict[str, tuple[float, float]]
    #: Pictures that were looked at.
    image_count: int
    #: Share of values that 'percentile' keeps, in percent; None for the other methods.
    percentile: float | None = None

    def to_json(self) -> dict:
        """Return plain JSON values, to be kept beside the model."""
        return {**asdict(self), "ranges": {name: list(ends) for name, ends in self.ranges.items()}}

    @classmethod
    def from_json(cls, values: dict) -> Calibration:
        """Return the calibration that ``to_json`` wrote."""
        ranges = {name: (float(low), float(high)) for name, (low, high) in values["ranges"].items()}
        return cls(values["method"], ranges, values["image_count"], values.get("percentile"))


def calibrate(
    path: str | Path,
    images: np.ndarray,
    *,
    method: str = "minmax",
    percentile: float = 99.99,
    on_progress: OnProgress = silent,
) -> Calibration:
    """Return the range of each activation of a float model over some pictures.

    Args:
        path: The float ``.onnx`` file, as ``prepare`` wrote it.
        images: float32 (N, 3, H, W), real pictures from the training or validation split; never from evaluation, which
            would let the answer leak into the model. 100 to 300 suffice.
        method: A name from ``METHODS``.
        percentile: Share of values that 'percentile' keeps, in percent.
        on_progress: Told after each few pictures.

    Raises:
        ValueError: There is no such method, or there are no pictures.
    """
    from onnxruntime.quantization import CalibrationMethod
    from onnxruntime.quantization.calibrate import create_calibrator

    kinds = {
        "minmax": (CalibrationMethod.MinMax, {}),
        # ONNX Runtime's own default mirrors the range around 0, which would waste half of U8's integers after a ReLU6.
        "percentile": (CalibrationMethod.Percentile, {"percentile": percentile, "symmetric": False}),
        "entropy": (CalibrationMethod.Entropy, {"symmetric": False}),
    }
    if method not in kinds:
        raise ValueError(f"no calibration method {method!r}; there are {', '.join(METHODS)}")
    if len(images) == 0:
        raise ValueError("calibration needs pictures: pass some of the validation split")
    kind, options = kinds[method]
    # The calibrators print their settings; a notebook shows progress instead.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        calibrator = create_calibrator(
            Path(path),
            augmented_model_path=str(Path(folder) / "observed.onnx"),
            calibrate_method=kind,
            extra_options=options,
        )
        for start in range(0, len(images), _CHUNK):
            chunk = images[start : start + _CHUNK]
            # One picture a call: its percentiles are then those of single pictures, whatever the last chunk's size.
            calibrator.collect_data(_Pictures(chunk))
            done = min(start + _CHUNK, len(images))
            on_progress(done / len(images), f"calibrating ({method}): {done} of {len(images)} pictures")
        found = calibrator.compute_data()
    ranges = {
        name: tuple(float(np.asarray(end).reshape(())) for end in data.range_value) for name, data in found.items()
    }
    return Calibration(method, ranges, len(images), percentile if method == "percentile" else None)


def observed_ranges(calibration: Calibration):
    """Return a calibration in ONNX Runtime's own type, which its quantizers take."""
    from onnxruntime.quantization import CalibrationMethod
    from onnxruntime.quantization.calibrate import TensorsData

    # Labelled MinMax whatever the method was: a quantizer needs the two ends, and only this label takes just them.
    pairs = {name: (np.float32(low), np.float32(high)) for name, (low, high) in calibration.ranges.items()}
    return TensorsData(CalibrationMethod.MinMax, pairs)


class _Pictures:
    """ONNX Runtime's reader protocol over an array: one picture a call."""

    def __init__(self, images: np.ndarray) -> None:
        self._inputs: Iterator[dict] = iter([{INPUT_NAME: images[i : i + 1]} for i in range(len(images))])

    def get_next(self) -> dict | None:
        """Return the next input, or None after the last."""
        return next(self._inputs, None)
