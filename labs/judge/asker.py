"""Inside: loads one named file, and passes requests from outside to it, a line of JSON at a time.

``python -I asker.py KIND FILE`` reads requests on standard input, and writes replies to the
original standard output. It is isolated, so that no file next to the program can replace a library.
"""

import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

#: By kind: its module and function, and the packages without which nothing can be asked. A deep
#: dive's kind is its module and function itself, and its module imports what it needs.
KINDS = {
    "app": (
        "labs.judge.inside.apps:app",
        ("numpy", "PIL.Image", "fastapi", "fastapi_offline", "labs.judge.inside.runtime"),
    ),
    "triton": ("labs.judge.inside.triton:triton", ("numpy", "PIL.Image")),
    "script": ("labs.judge.inside.scripts:script", ("numpy",)),
}


class CourseClosed:
    """Finds none of the course's own modules: a program has them nowhere else where it runs."""

    _ROOMS = ("assets", "grading", "labs", "provisioning")

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> None:
        """Leave all other modules to Python.

        Raises:
            ModuleNotFoundError: It is a module of the course.
        """
        if name.partition(".")[0] in cls._ROOMS:
            raise ModuleNotFoundError(
                f"`{name}` is the course's own code, which your program does not have where it "
                "runs. It may import Python's own modules, the libraries of the lesson, and the "
                "files beside it",
                name=name,
            )


def main(kind: str, path: str) -> None:
    """Report that the asker has started, load the program, and pass on the requests."""
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    from labs.judge.inside.wire import Wire

    wire = Wire()
    place, needs = KINDS.get(kind, (kind, ()))
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1"  # which numba reads when it is imported
    lacks = [name for name in needs if importlib.util.find_spec(name.partition(".")[0]) is None]
    if lacks:
        wire.say(hello=" ".join(lacks))
        return
    # Before the program's own time begins.
    for name in needs:
        importlib.import_module(name)
    module, _, function = place.partition(":")
    try:
        prepare = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        wire.say(hello=str(error.name))
        return
    sys.meta_path.insert(0, CourseClosed)
    wire.say(hello="")
    ask: list[Callable[[dict], None]] = []
    # Loading may call outside dependencies (a warm-up), so the wire is read during it.
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
