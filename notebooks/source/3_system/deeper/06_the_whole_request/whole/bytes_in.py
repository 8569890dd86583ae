"""A quantized model with bytes as input: a table replaces its first operator on float32."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BytesIn:
    """The meaning of the model's new input: the float32 value of a byte is
    ``(byte - zero_point) * scale``.
    """

    scale: float
    zero_point: int


def take_bytes(path: str | Path, bytes_path: str | Path) -> BytesIn:
    """Write a static U8 model in QDQ form without the operator that quantizes its input, and return
    what that one knew.

    Raises:
        ValueError: The input is not quantized to unsigned bytes; most likely it is a float file, or
            an S8S8 one.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    (given,) = model.graph.input
    readers = [node for node in model.graph.node if given.name in node.input]
    stored = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
    }
    parts = (
        [stored[name] for name in readers[0].input[1:] if name in stored]
        if len(readers) == 1
        else []
    )
    if (
        readers[0].op_type != "QuantizeLinear"
        or len(parts) != 2
        or str(parts[1].dtype) != "uint8"
    ):
        raise ValueError(
            f"{Path(path).name} does not begin with a QuantizeLinear to uint8: take a static "
            "U8S8 file"
        )
    given.name, given.type.tensor_type.elem_type = (
        readers[0].output[0],
        onnx.TensorProto.UINT8,
    )
    model.graph.node.remove(readers[0])
    onnx.save(model, bytes_path)
    return BytesIn(parts[0].item(), parts[1].item())
