"""Answers of lesson 36."""

# %% checkpoint="s.onnx.gain_guess"
predict("s.onnx.gain_guess", 4)

# %% checkpoint="s.onnx.two_guess"
predict("s.onnx.two_guess", 1.3)

# %% checkpoint="s.onnx.model"
onnx_config = """
name: "food_classifier_onnx"
backend: "onnxruntime"
max_batch_size: 16
input [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ 11 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
(folder / "config.pbtxt").write_text(onnx_config)


# %% checkpoint="s.onnx.fair"
def fair_gain(python_s, onnx_s, decode_s):
    return python_s / (onnx_s + decode_s)
