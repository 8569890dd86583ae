"""The dashboard's file has what Grafana's import needs; Grafana itself is not run here."""

from __future__ import annotations

import json

from labs.observe.prometheus import grafana_dashboard


def test_each_expression_has_a_panel_of_its_own_that_covers_no_other():
    """With its unit, and the source that the import asks for."""
    made = json.loads(grafana_dashboard("GourmetGram", {"photos, 1/s": "a", "p95, s": "b", "waiting": "c"}))
    assert [one["targets"][0]["expr"] for one in made["panels"]] == ["a", "b", "c"]
    assert [one["fieldConfig"]["defaults"]["unit"] for one in made["panels"]] == ["reqps", "s", "short"]
    assert len({(one["gridPos"]["x"], one["gridPos"]["y"]) for one in made["panels"]}) == 3
    assert made["__inputs"][0]["name"] in made["panels"][0]["datasource"]["uid"]
