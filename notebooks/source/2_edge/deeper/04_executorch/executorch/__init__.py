"""What *ExecuTorch and XNNPACK* alone needs: what its question reads about a file."""
