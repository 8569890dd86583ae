"""A local testbed that unmodified python-chi takes for Chameleon. See the README beside this file.

A notebook's first cell: `from provisioning import rehearsal; print(rehearsal.use())`.
"""

from provisioning.rehearsal.control import start, stop
from provisioning.rehearsal.environment import activate, export_lines, on_chameleon, use

__all__ = ["activate", "export_lines", "on_chameleon", "start", "stop", "use"]
