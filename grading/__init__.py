"""Checkpoints, answers, and the tools that build, solve and rehearse the course's notebooks."""

import sys

# As in `labs`: importing nbformat takes a second less without its grammar of addresses.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: an import of it fails
