"""Other users of this computer may read Prometheus' figures, but cannot stop it."""

from pathlib import Path

import pytest

from labs.deeper.observe import prometheus
from tests.test_other_users import Server, assert_closed_to_others, only_root, room

__all__ = ["room"]


@only_root
def test_another_user_gets_no_more_than_figures(room: Path):
    """Nothing that it made can be written, and its life is its owner's."""
    config = room / "prometheus.yml"
    config.write_text("global: {scrape_interval: 1s}\n")
    try:
        started = prometheus.start(config)
    except prometheus.PrometheusUnavailableError as error:
        pytest.skip(str(error))
    with started:
        refused = [(("POST", "/-/quit"), 403), (("POST", "/-/reload"), 403)]
        server = Server(started.url, refused=refused, readable=["prometheus.yml"])
        assert_closed_to_others(server, room)
