"""Reserve, provision and release machines on Chameleon, and rehearse all of it on a laptop.

Nothing in this room imports torch or onnxruntime: it runs inside Chameleon's own Jupyter (one core, 1 GB).
"""
