"""What runs inside Triton: each file here is copied into a model's folder (or the backend's) as ``model.py``.

None of these files is imported by the course. They import ``triton_python_backend_utils``, which exists only in
Triton's stub, and ``labs.data.preprocess`` and ``labs.data.labels``, which travel with the model so that NVIDIA's
container needs no course.
"""
