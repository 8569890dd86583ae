"""Python runs this at start-up when its folder is on PYTHONPATH, which only the rehearsal's
environment does.

It loads the hooks of `sockets.py` beside it and then the `sitecustomize` that it hides, if there is
one.
"""

import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib would slow every start-up

if os.environ.get("REHEARSAL_PORTS"):
    import sockets

    sockets.install()

_others = [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]  # noqa: PTH100
_hidden = importlib.machinery.PathFinder.find_spec("sitecustomize", _others)
if _hidden is not None and _hidden.loader is not None:
    _module = importlib.util.module_from_spec(_hidden)
    _hidden.loader.exec_module(_module)
