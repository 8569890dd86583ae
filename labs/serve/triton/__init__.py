"""Triton Inference Server: a repository from typed settings, NVIDIA's own server, and changes in seconds."""
