"""A service on a device is started, found and ended from here, or it is said why not."""

import json
from collections.abc import Sequence

import pytest

from labs.edge.reaching import SERVICE_PORT, served_on
from labs.edge.serving import DeviceNotReachedError


class ToldDevice:
    """A device whose service comes up, or does not, as the test says."""

    def __init__(self, *, address: str = "", rehearsed: bool = False, here: bool = False, starts: bool = True) -> None:
        self.address, self.rehearsed, self.here, self._starts = address, rehearsed, here, starts
        self.started: list[list[str]] = []
        self._up = False

    def start(self, arguments: Sequence[str], *, name: str) -> str:
        """Note the command."""
        self.started.append(list(arguments))
        self._up = self._starts
        return name

    def running(self, name: str) -> bool:
        """Return whether it came up."""
        return self._up

    def exists(self, path: str) -> bool:
        """Return whether it has said where it is."""
        return self._up

    def fetch(self, path: str) -> bytes:
        """Return what it said."""
        return json.dumps({"port": 4711, "token": "t"}).encode()

    def remove(self, path: str) -> None:
        """End it: without its file it goes."""
        self._up = False


@pytest.mark.parametrize(
    ("device", "url", "host", "port"),
    [
        (ToldDevice(address="192.0.2.7"), "http://192.0.2.7:4711", "0.0.0.0", str(SERVICE_PORT)),
        (ToldDevice(address="192.0.2.7", rehearsed=True), "http://127.0.0.1:4711", "127.0.0.1", "0"),
        (ToldDevice(here=True), "http://127.0.0.1:4711", "127.0.0.1", "0"),
    ],
    ids=["a device", "in rehearsal", "the device's own Jupyter"],
)
def test_it_is_open_to_others_only_where_somebody_asks_from_elsewhere(device, url, host, port) -> None:
    """And it is gone after the block."""
    with served_on(device, "m.onnx", threads=4, sleep=lambda seconds: None) as reached:
        assert reached.url == url
    (words,) = device.started
    assert words[words.index("--host") + 1] == host
    assert words[words.index("--port") + 1] == port
    assert not device.running("service")


@pytest.mark.parametrize(
    ("device", "says", "started"),
    [
        (ToldDevice(), r"no floating IP.*Way out: run 'Reserve a device' again", 0),
        (ToldDevice(address="192.0.2.7", starts=False), rf"did not start.*port {SERVICE_PORT} is taken", 1),
    ],
    ids=["no floating IP", "no file, or no port"],
)
def test_a_service_that_cannot_be_had_says_what_to_look_at(device, says, started) -> None:
    """This computer's own loopback must not be asked in the device's place."""
    with (
        pytest.raises(DeviceNotReachedError, match=says),
        served_on(device, "m.onnx", threads=4, sleep=lambda seconds: None),
    ):
        pass
    assert len(device.started) == started
