"""Answers of lesson 27."""

# %% checkpoint="e.xnnpack.gain_guess"
predict("e.xnnpack.gain_guess", 2)

# %% checkpoint="e.xnnpack.file"
to_int8 = """
import sys
from pathlib import Path

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
from executorch.exir import to_edge_transform_and_lower
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from labs import assets
from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2

net = load_mobilenet_v2(assets.model()).eval()
example = (torch.zeros(1, 3, 224, 224),)
exported = torch.export.export(net, example)

quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
prepared = prepare_pt2e(exported.module(), quantizer)
images, _ = load_split(assets.dataset(), "training", limit=64)
with torch.inference_mode():
    for image in torch.from_numpy(images).split(1):
        prepared(image)
converted = convert_pt2e(prepared)

edge = to_edge_transform_and_lower(torch.export.export(converted, example), partitioner=[XnnpackPartitioner()])
Path(sys.argv[1]).write_bytes(edge.to_executorch().buffer)
"""

# %% checkpoint="e.xnnpack.claim"
if race:
    interval = race.ratio("xnnpack-int8", "ort-int8").interval
    one, other = interval.high < 1, interval.low > 1
    claim = "ExecuTorch is faster" if one else "ONNX Runtime is faster" if other else "cannot tell"
    named = [ledger().latest(kind="accuracy", option=f"xnnpack-{one}").details["predicted"] for one in ("fp32", "int8")]
    changed = sum(one != other for one, other in zip(*named, strict=True))
    answer("e.xnnpack.claim", {"claim": claim, "changed": changed})
