"""Services that come and go: started by the first request, stopped when idle, replaced when they die."""

from __future__ import annotations

import time

import psutil
import pytest

from labs.serve.on_demand import OnDemand
from labs.serve.platform import Deployment, Platform, halves
from labs.serve.running import ServiceError
from labs.serve.settings import Settings

from .conftest import ask


def test_a_service_on_demand_exists_while_it_is_used(onnx_path, jpeg):
    """Nothing runs before the first request; that one is answered; idle, it goes; and the next one finds it again."""
    with OnDemand(Settings(model=onnx_path, instances=1), idle_s=0.5) as service:
        assert (service.running, service.starts, service.memory_bytes()) == (False, 0, 0)
        assert ask(service.url + "/predict/raw", jpeg, "image/jpeg").status == 200
        assert (service.running, service.starts) == (True, 1)
        assert service.memory_bytes() > 20e6
        service.wait_until_idle()
        assert service.memory_bytes() == 0
        assert ask(service.url + "/predict/raw", jpeg, "image/jpeg").status == 200
        assert service.starts == 2
    with pytest.raises(OSError, match="refused"):
        ask(service.url + "/healthz")


def test_one_teams_crash_is_not_the_others(onnx_path, jpeg):
    """The neighbour keeps its process and answers; the crashed one gets a new process behind the same address."""
    mine, yours = halves()
    settings = Settings(model=onnx_path, instances=1)
    with Platform({"menu": Deployment(settings, mine), "campaign": Deployment(settings, yours)}) as platform:
        menu, campaign = platform.service("menu"), platform.service("campaign")
        assert set(psutil.Process(menu.pid).cpu_affinity()) == set(mine)
        platform.kill("campaign")
        assert ask(menu.url + "/predict/raw", jpeg, "image/jpeg").status == 200
        deadline_s = time.monotonic() + 60
        while platform.restarts("campaign") == 0 and time.monotonic() < deadline_s:
            time.sleep(0.02)
        assert _answered_in_the_end(campaign.url, jpeg)
        assert platform.service("campaign").pid != campaign.pid
        assert platform.service("campaign").url == campaign.url
        assert (platform.service("menu").pid, platform.restarts("menu")) == (menu.pid, 0)


def test_a_platform_that_cannot_start_leaves_nothing(onnx_path, tmp_path):
    """A deployment without a model ends the others too."""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    before = {one.pid for one in psutil.Process().children(recursive=True)}
    with pytest.raises(ServiceError):
        Platform({"good": Deployment(Settings(model=onnx_path)), "bad": Deployment(Settings(model=broken))})
    assert {one.pid for one in psutil.Process().children(recursive=True)} <= before


def _answered_in_the_end(url: str, jpeg: bytes) -> bool:
    """Return whether a picture is answered within a minute; while the model loads, the reply is 503."""
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        if ask(url + "/predict/raw", jpeg, "image/jpeg").status == 200:
            return True
        time.sleep(0.05)
    return False
