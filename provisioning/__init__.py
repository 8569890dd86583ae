"""Reserve, provision and release machines on Chameleon, and rehearse all of it on a laptop.

Nothing in this room imports torch or onnxruntime: it runs inside Chameleon's own Jupyter (one core,
1 GB).
"""

import importlib.util
import sys
from pathlib import Path

# Where the course is a folder on the path and was not installed, as on a node, nobody has put there
# the folder of the rehearsal, which is a package of its own.
if importlib.util.find_spec("chameleon_rehearsal") is None:
    sys.path.append(str(Path(__file__).with_name("rehearsal")))
