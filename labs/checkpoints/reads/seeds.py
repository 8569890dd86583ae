"""Facts about a file with weights of four bits."""

from pathlib import Path

from labs.checkpoints.reads.onnx_files import agreement, share_by_type


def four_bit_file(path: Path) -> dict:
    """Return how much of a file's weights has four bits, and its ``agreement`` with the float model."""
    shares = share_by_type(path)
    four_bits = shares.get("INT4", 0.0) + shares.get("UINT4", 0.0)
    return {"four_bits": four_bits, "float32": shares.get("FLOAT", 0.0), "agreement": agreement(path)}
