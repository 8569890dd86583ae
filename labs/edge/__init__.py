"""Serving on a small ARM device: how it is measured there, and rehearsed without one."""
