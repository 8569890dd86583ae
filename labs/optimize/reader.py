"""Calibration images for ONNX Runtime's quantizer: its reader protocol over an array."""

from __future__ import annotations

from onnxruntime.quantization import CalibrationDataReader


class ImageReader(CalibrationDataReader):
    """Hands the quantizer one image after another, by the name of the model's input, and then None."""

    def __init__(self, images, input_name="input"):
        self.feeds = iter([{input_name: images[i : i + 1]} for i in range(len(images))])

    def get_next(self):
        return next(self.feeds, None)
