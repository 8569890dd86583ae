"""The real Prometheus, bound to loopback and in its own words; and Grafana's file."""

import json

import psutil
import pytest

from labs.deeper.observe import prometheus, recorded
from labs.deeper.observe.prometheus import grafana_dashboard

CONFIG = """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: itself
    static_configs: [{targets: ["127.0.0.1:9"]}]
"""

P95 = (
    "histogram_quantile(0.95, sum by (le) "
    '(rate(serving_request_seconds_bucket{path=~"/predict.*"}[5s])))'
)
RATE = 'sum(rate(serving_requests_total{path=~"/predict.*"}[5s]))'


@pytest.fixture
def config(tmp_path):
    """Return a configuration whose only target never answers."""
    path = tmp_path / "prometheus.yml"
    path.write_text(CONFIG)
    return path


def test_it_listens_on_loopback_and_answers_in_its_own_words(config, tmp_path):
    """Nobody else on the network reads what is measured here; a wrong query gets Prometheus' own
    sentence.
    """
    with prometheus.start(config, data=tmp_path / "series") as server:
        [program] = server.processes()
        listening = [
            connection.laddr
            for connection in program.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert [address.ip for address in listening] == ["127.0.0.1"]
        assert server.get("query", query="1 + 1")["result"][1] == "2"
        with pytest.raises(ValueError, match="parse error"):
            server.get("query", query="sum(")
    assert not program.is_running()


def test_a_configuration_is_checked_by_promtool_and_a_broken_one_does_not_start(config):
    """The message is Prometheus' own, which readers can look up."""
    assert prometheus.programs().check(config) == ""
    config.write_text(CONFIG.replace("127.0.0.1:9", "http://127.0.0.1:9/metrics"))
    assert "is not a valid hostname" in prometheus.programs().check(config)
    with pytest.raises(prometheus.PrometheusUnavailableError, match="Prometheus ended"):
        prometheus.start(config)


def test_recorded_series_hold_what_was_drawn():
    """The seed determines the rates, also across the restart of one instance; other seeds give
    other rates.
    """
    assert "parse error" in recorded.ask("rate(", seed=7)
    (quiet,), (busy,), (restarted,) = rates = recorded.ask(RATE, seed=7)
    assert [quiet, busy] == pytest.approx(recorded.photos_a_second(7), rel=0.05)
    assert quiet < restarted < 1.1 * busy
    assert rates == recorded.ask(RATE, seed=7) != recorded.ask(RATE, seed=8)
    (quiet,), (busy,), _ = recorded.ask(P95, seed=7)
    assert [quiet, busy] == pytest.approx(recorded.tail_latency(7), rel=0.05)


def test_each_expression_has_a_panel_of_its_own_that_covers_no_other():
    """With its unit, and the source that the import asks for."""
    dashboard = json.loads(
        grafana_dashboard(
            "GourmetGram", {"photos, 1/s": "a", "p95, s": "b", "waiting": "c"}
        )
    )
    panels = dashboard["panels"]
    assert [panel["targets"][0]["expr"] for panel in panels] == ["a", "b", "c"]
    units = [panel["fieldConfig"]["defaults"]["unit"] for panel in panels]
    assert units == ["reqps", "s", "short"]
    corners = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(corners) == 3
    assert dashboard["__inputs"][0]["name"] in panels[0]["datasource"]["uid"]
