"""A service on the device, started and ended from here."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from labs.edge.job import Device
from labs.edge.serving import DeviceNotReachedError

#: Port of the service in the container, which is opened when the container is made.
SERVICE_PORT = 8000

_ABOUT = "workspace/service.json"


@dataclass(frozen=True)
class Reached:
    """A service on the device."""

    #: Where it answers, seen from here.
    url: str
    #: What it says about itself: token, machine, model.
    about: dict


@contextlib.contextmanager
def served_on(
    device: Device, file: str, *, threads: int, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Reached]:
    """Yield a running service for one of the device's models; it ends with this block, or by itself after a while.

    Args:
        file: Name of a file in its folder of models.

    Raises:
        DeviceNotReachedError: It did not start, or the device has no address at which it could be asked.
    """
    near = device.here or device.rehearsed  # then a free port of this computer's own address will do
    if not near and not device.address:
        raise DeviceNotReachedError(
            "the device has no floating IP, so nothing on it can be asked from here. Likely: it was taken away since "
            "the container was made. Way out: run 'Reserve a device' again, which binds a new one and keeps the "
            "container; then open the device anew."
        )
    stop(device, sleep=sleep)
    where = ("127.0.0.1", "0") if near else ("0.0.0.0", str(SERVICE_PORT))
    words = ["-m", "labs.edge", "serve", f"workspace/models/{file}", "--about", _ABOUT, "--threads", str(threads)]
    device.start([*words, "--host", where[0], "--port", where[1]], name="service")
    try:
        about = json.loads(_wait_for(device, sleep))
        host = "127.0.0.1" if near else device.address
        yield Reached(f"http://{host}:{about['port']}", about)
    finally:
        stop(device, sleep=sleep)


def stop(device: Device, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """End the device's service, if one runs, and return when it is gone, or after 40 s."""
    device.remove(_ABOUT)
    waited_s = 0.0
    while device.running("service") and waited_s < 40:
        sleep(0.3)
        waited_s += 0.3


def _wait_for(device: Device, sleep: Callable[[float], None]) -> bytes:
    waited_s = 0.0
    while waited_s < 60:
        if device.exists(_ABOUT):
            return device.fetch(_ABOUT)
        if not device.running("service"):
            break
        sleep(0.3)
        waited_s += 0.3
    raise DeviceNotReachedError(
        "the service did not start on the device. Likely: its file is not there, or port "
        f"{SERVICE_PORT} is taken. Way out: bring the file again ('Run on the Pi'), then run this cell again."
    )
