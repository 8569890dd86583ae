"""Serving on a small ARM device: what to expect there, how it is measured there, and a rehearsal of it without one."""
