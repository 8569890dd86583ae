"""``app``: that of the file which ``APP`` names, for this machine's own names alone; uvicorn serves
it.
"""

import importlib
import os
import sys
from pathlib import Path

from starlette.responses import PlainTextResponse

from labs.runtimes.loopback import OwnHosts

path = Path(os.environ["APP"])
sys.path.insert(0, str(path.parent))  # a file may add routes to its neighbour's
app = OwnHosts(
    importlib.import_module(path.stem).app,
    PlainTextResponse("this machine's own addresses only", status_code=421),
)
