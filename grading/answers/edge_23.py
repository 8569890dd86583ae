"""Answers of lesson 23."""

# %% checkpoint="e.device.form_guess"
predict("e.device.form_guess", "edge-int8-s8s8")

# %% checkpoint="e.device.script"
script = """
import json
import sys
import time

import numpy as np
import onnxruntime as ort

path, threads, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
options = ort.SessionOptions()
options.intra_op_num_threads = threads
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
name, image = session.get_inputs()[0].name, np.zeros((1, 3, 224, 224), np.float32)
for _ in range(20):
    session.run(None, {name: image})
samples_s = []
for _ in range(calls):
    begin_s = time.perf_counter()
    session.run(None, {name: image})
    samples_s.append(time.perf_counter() - begin_s)
print(json.dumps({"samples_s": samples_s}))
"""


# %% checkpoint="e.device.macs"
def macs(output_shape, in_channels, kernel, groups):
    channels, height, width = output_shape
    return channels * height * width * in_channels // groups * kernel[0] * kernel[1]


# %% checkpoint="e.device.floor"
def floor_s(macs, cores, clock_hz, macs_per_cycle):
    return macs / (cores * clock_hz * macs_per_cycle)


# %% checkpoint="e.device.tested"
inside = "within" if guesses["edge-fp32"].allows(found.value.value) else "outside"
answer("e.device.tested", inside if "Cortex-A76" in found.machine.cpu_model else "not tested")

# %% checkpoint="e.device.older"
shows = "Run one of the static files on both machines, or make one with 7-bit weights and run that on the EPYC."
answer(
    "e.device.older",
    {"ruled_out": "a scale a tensor", "fits": "sums that overflow", "what_would_show_it": shows},
)
