"""The real Prometheus: unpacked without root, bound to loopback, gone with its notebook; and its own words."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

from labs.observe import prometheus, recorded

CONFIG = """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: itself
    static_configs: [{targets: ["127.0.0.1:9"]}]
"""

RATE = 'sum(rate(serving_requests_total{path=~"/predict.*"}[5s]))'


@pytest.fixture
def config(tmp_path):
    """Return a configuration whose only target answers nobody."""
    path = tmp_path / "prometheus.yml"
    path.write_text(CONFIG)
    return path


def test_it_listens_on_loopback_and_answers_in_its_own_words(config):
    """Nobody else on the network reads what is measured here; a wrong query gets Prometheus' own sentence."""
    with prometheus.briefly(config) as server:
        [program] = server.processes()
        listening = [one.laddr for one in program.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
        assert [address.ip for address in listening] == ["127.0.0.1"]
        assert server.get("query", query="1 + 1")["result"][1] == "2"
        with pytest.raises(ValueError, match="parse error"):
            server.get("query", query="sum(")
    assert not program.is_running()


def test_a_configuration_is_checked_by_promtool_and_a_broken_one_does_not_start(config):
    """The message is the one that is known outside this course."""
    assert prometheus.programs().check(config) == ""
    config.write_text(CONFIG.replace("127.0.0.1:9", "http://127.0.0.1:9/metrics"))
    assert "is not a valid hostname" in prometheus.programs().check(config)
    with pytest.raises(prometheus.PrometheusUnavailableError, match="Prometheus ended"):
        prometheus.start(config)


def test_it_ends_when_the_notebook_is_killed(config, tmp_path):
    """A kernel that dies cannot tidy up."""
    script = (
        "import os, sys, psutil; from labs.observe import prometheus;"
        f"one = prometheus.start({str(config)!r}, data=__import__('pathlib').Path({str(tmp_path / 'd')!r}));"
        "print(psutil.Process(one.process.pid).children()[0].pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    for _ in range(100):
        if not psutil.pid_exists(pid):
            return
        time.sleep(0.1)
    pytest.fail("Prometheus outlived its notebook")


def test_recorded_series_hold_what_was_drawn():
    """Rates are those that the seed gives, also across the restart of one instance; other seeds give others."""
    expressions = {"rate": RATE, "raw": "sum(serving_requests_total)", "refused": "rate("}
    found = recorded.ask(expressions, seed=7)
    assert "parse error" in found["refused"]
    (quiet,), (busy,) = found["rate"]
    assert 1.2 < busy / quiet < 2.4
    assert found["rate"] == recorded.ask({"rate": RATE}, seed=7)["rate"] != recorded.ask({"rate": RATE}, seed=8)["rate"]
