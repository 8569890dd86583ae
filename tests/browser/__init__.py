"""Tests that drive JupyterLab in Chromium, and the small harness that they share."""
