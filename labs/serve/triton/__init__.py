"""Triton Inference Server: its models, its program, and a client that loads and asks."""
