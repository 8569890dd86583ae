"""``app``: that of the file which ``APP`` names, for this machine's own names alone; uvicorn serves
it.
"""

import importlib
import os
import sys
import traceback
from pathlib import Path

from starlette.responses import PlainTextResponse
from uvicorn.config import STARTUP_FAILURE

from labs.runtimes.loopback import OwnHosts

path = Path(os.environ["APP"])
sys.path.insert(0, str(path.parent))  # a file may add routes to its neighbour's
try:
    module = importlib.import_module(path.stem)
except Exception:
    traceback.print_exc()
    # It would fail again: this status tells uvicorn's supervisor not to try.
    sys.exit(STARTUP_FAILURE)
app = OwnHosts(
    module.app,
    PlainTextResponse("this machine's own addresses only", status_code=421),
)
