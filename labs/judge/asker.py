"""Inside: loads one named file, and passes on what is asked outside, a line of JSON at a time.

``python -I asker.py KIND FILE`` reads requests on standard input, and writes replies to what was standard output.
Isolated, since nothing that lies beside the file may take a library's place.
"""

import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

#: By kind: its module and function in ``labs.judge.inside``, and the packages without which nothing can be asked.
KINDS = {
    "app": ("apps:app", ("numpy", "PIL.Image", "fastapi", "fastapi_offline")),
    "workers": ("apps:workers", ("numpy", "PIL.Image")),
    "triton": ("triton:triton", ("numpy", "PIL.Image")),
    "script": ("scripts:script", ("numpy",)),
    "stream": ("apps:stream", ("fastapi",)),
    "router": ("router:router", ()),
    "kernel": ("kernel:kernel", ("numba",)),
}


def main(kind: str, path: str) -> None:
    """Say that the asker is there, load the program, and pass on what is asked."""
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    from labs.judge.inside.wire import Wire

    wire, (place, needs) = Wire(), KINDS[kind]
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1"  # which numba reads when it is imported
    lacks = [name for name in needs if importlib.util.find_spec(name.partition(".")[0]) is None]
    if lacks:
        wire.say(hello=" ".join(lacks))
        return
    # Before the program's own time begins.
    for name in needs:
        importlib.import_module(name)
    module, _, function = place.partition(":")
    prepare = getattr(importlib.import_module(f"labs.judge.inside.{module}"), function)
    wire.say(hello="")
    ask: list[Callable[[dict], None]] = []
    # Loading may call what stands outside (a warm-up), so the wire is read meanwhile.
    reader = threading.Thread(
        target=wire.listen, args=(lambda request: ask[0](request),), daemon=True
    )
    reader.start()
    try:
        ask.append(prepare(wire, path))
    except BaseException as error:
        wire.say(ready=f"{type(error).__name__}: {error}"[:300])
        os._exit(1)
    wire.say(ready="")
    reader.join()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
