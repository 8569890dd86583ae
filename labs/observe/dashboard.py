"""A Grafana dashboard as a file: one panel for each expression, on whichever Prometheus the importing Grafana has."""

from __future__ import annotations

import json
from collections.abc import Mapping

#: Height and width of a panel, in Grafana's grid of 24 columns.
_HEIGHT, _WIDTH = 8, 12

_SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}


def grafana_dashboard(title: str, expressions: Mapping[str, str]) -> str:
    """Return a dashboard in Grafana's JSON model, to be imported; Grafana then asks which Prometheus it is for.

    Args:
        title: Of the dashboard.
        expressions: PromQL by the panel's title; 'p95, s' gets the unit 's'.

    Source: Grafana, 'Dashboard JSON model', schema version 39 (Grafana 11).
    """
    panels = [
        {
            "id": place + 1,
            "type": "timeseries",
            "title": panel,
            "datasource": _SOURCE,
            "gridPos": {"x": place % 2 * _WIDTH, "y": place // 2 * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
            "fieldConfig": {"defaults": {"unit": _unit(panel), "min": 0}, "overrides": []},
            "targets": [{"refId": "A", "expr": expression, "datasource": _SOURCE}],
        }
        for place, (panel, expression) in enumerate(expressions.items())
    ]
    source = {"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource", "pluginId": "prometheus"}
    dashboard = {
        "__inputs": [{**source, "pluginName": "Prometheus", "description": ""}],
        "title": title,
        "schemaVersion": 39,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "panels": panels,
    }
    return json.dumps(dashboard, indent=2) + "\n"


def _unit(panel: str) -> str:
    """Return Grafana's name of the unit at the end of a title."""
    return {"s": "s", "1/s": "reqps", "share": "percentunit", "bytes": "bytes"}.get(panel.rpartition(", ")[2], "short")
