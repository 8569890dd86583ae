"""Files that run inside Triton: they are copied into a model's folder or the backend's.

None of them is imported by the course, nor do they import it: NVIDIA's container has none. Triton's
stub alone has ``triton_python_backend_utils``.
"""
