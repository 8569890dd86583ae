"""Code for *ExecuTorch and XNNPACK* alone: its question's reader of a file."""
