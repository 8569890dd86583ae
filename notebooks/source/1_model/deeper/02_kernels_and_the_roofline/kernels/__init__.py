"""What *Kernels and the roofline* alone needs: the judge of a CUDA kernel."""

#: The side of a tile and of a block, in threads: small enough for a thread of Python's each.
TILE = 8
