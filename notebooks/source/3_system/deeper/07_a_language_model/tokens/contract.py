"""The app of *A language model* under the contract."""

import contextlib
from collections.abc import Iterator

from labs.deeper.tokens import serving
from labs.serve.contract.cases import Serve, Target
from labs.serve.contract.interface import completions
from labs.workspace import programs_dir

#: The name that the app gives its model.
MODEL = "SmolLM2-135M-Instruct"


@contextlib.contextmanager
def _serve() -> Iterator[Target]:
    """Yield the app that is written in the workspace."""
    with serving.start(programs_dir() / "tokens" / "app.py") as service:
        yield Target(service.url, completions(MODEL), (service.pid,))


#: By the name that the command takes.
SERVICES: dict[str, Serve] = {"tokens": _serve}
