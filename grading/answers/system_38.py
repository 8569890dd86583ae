"""Answers of lesson 38."""

# %% checkpoint="s.ensemble.guess"
predict("s.ensemble.guess", "food_preprocess")

# %% checkpoint="s.ensemble.scaled_guess"
predict("s.ensemble.scaled_guess", 1.3)

# %% checkpoint="s.ensemble.preprocess"
model_py = """
import base64
import io

import numpy as np
import triton_python_backend_utils as pb_utils
from PIL import Image, ImageOps

MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def to_input(text):
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True))).convert("RGB")
    pixels = np.asarray(ImageOps.fit(image, (224, 224), Image.Resampling.BILINEAR), np.float32) / 255
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)


class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            texts = pb_utils.get_input_tensor_by_name(request, "INPUT_IMAGE").as_numpy().ravel()
            try:
                batch = np.stack([to_input(text) for text in texts])
            except (ValueError, OSError) as error:
                refusal = pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
                responses.append(pb_utils.InferenceResponse(error=refusal))
                continue
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("input", batch)]))
        return responses
"""

# %% checkpoint="s.ensemble.scheduling"
ensemble = repository / "food_classifier_ensemble"
(ensemble / "1").mkdir(parents=True, exist_ok=True)
ensemble_config = """
name: "food_classifier_ensemble"
platform: "ensemble"
max_batch_size: 16
input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]
output [
  { name: "FOOD_LABEL" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] }
]
ensemble_scheduling {
  step [
    {
      model_name: "food_preprocess"
      model_version: -1
      input_map { key: "INPUT_IMAGE" value: "INPUT_IMAGE" }
      output_map { key: "input" value: "pixels" }
    },
    {
      model_name: "food_classifier_onnx"
      model_version: -1
      input_map { key: "input" value: "pixels" }
      output_map { key: "output" value: "logits" }
    },
    {
      model_name: "food_label"
      model_version: -1
      input_map { key: "output" value: "logits" }
      output_map { key: "FOOD_LABEL" value: "FOOD_LABEL" }
      output_map { key: "PROBABILITY" value: "PROBABILITY" }
    }
  ]
}
"""
(ensemble / "config.pbtxt").write_text(ensemble_config)


# %% checkpoint="s.ensemble.busy"
def busy(rate_rps, compute_s, instances):
    return {step: rate_rps * seconds / instances.get(step, 1) for step, seconds in compute_s.items()}


# %% checkpoint="s.ensemble.most"
def most_rps(compute_s, instances):
    return min(instances.get(step, 1) / seconds for step, seconds in compute_s.items())
