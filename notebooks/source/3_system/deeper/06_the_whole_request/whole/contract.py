"""Servers of other makers under the contract."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from labs.deeper.whole.servers import SERVERS
from labs.serve.contract.cases import Serve, Target
from labs.serve.contract.interface import photos
from labs.serve.models import fp32_model
from labs.serve.photos import photo


def _serving(name: str, health: str) -> Serve:
    """Return what yields a server of the table, with the model that is served everywhere."""

    @contextlib.contextmanager
    def serve() -> Iterator[Target]:
        with contextlib.ExitStack() as stack:
            prefix = stack.enter_context(tempfile.TemporaryDirectory(prefix="contract-"))
            folder = Path(prefix)
            target = SERVERS[name](stack, folder, fp32_model(), [photo(0)])
            address = urlsplit(target.url)
            yield Target(f"http://{address.netloc}", photos(health), target.pids)

    return serve


#: By the names that the command takes.
SERVICES: dict[str, Serve] = {
    "litserve": _serving("LitServe", "/health"),
    "ray": _serving("Ray Serve", "/-/healthz"),
}
