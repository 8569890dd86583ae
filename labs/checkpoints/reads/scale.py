"""Facts about a template of Serve configs: its application's settings, or Ray's defaults."""

from collections.abc import Mapping
from pathlib import Path
from string import Template

import yaml

#: Teams that a template is filled in for, to see whether each value arrives where it belongs.
_TEAMS = (
    {"team": "noodles", "model": "/models/noodles.onnx", "least": 0, "most": 3, "queued": 7},
    {"team": "soups", "model": "/models/soups.onnx", "least": 1, "most": 5, "queued": 40},
)


def team_template(path: Path) -> dict:
    """Return a team's settings in a template: its address, its model, and its deployment's limits,
    each beside the team's request.

    The reader fills in the template for two teams. The facts are those of the first team whose
    request is not met, so that a hard-coded value shows.

    Args:
        path: A YAML list of one application with ``$team``, ``$model``, ``$least``, ``$most`` and
            ``$queued``.
    """
    template = Template(path.read_text(encoding="utf-8"))
    facts: dict = {}
    for team in _TEAMS:
        facts = _filled_in(template, team)
        if any(facts[name] != facts[f"asked_{name}"] for name in _ASKED):
            break
    return facts


#: Facts that a team asks for.
_ASKED = ("name", "route", "model", "queued", "least", "most")


def _filled_in(template: Template, team: Mapping) -> dict:
    filled_in = yaml.safe_load(template.substitute(team))
    (application,) = filled_in if isinstance(filled_in, list) else [filled_in]
    deployment = (application.get("deployments") or [{}])[0]
    scaling = deployment.get("autoscaling_config")
    if scaling:
        least = scaling.get("min_replicas", 1)
        most = scaling.get("max_replicas", 1)
    else:
        least = most = deployment.get("num_replicas") or 1
    arguments = application.get("args") or {}
    asked = {
        "asked_name": team["team"],
        "asked_route": f"/{team['team']}",
        "asked_model": team["model"],
        "asked_queued": team["queued"],
        "asked_least": team["least"],
        "asked_most": team["most"],
    }
    imported = {
        "application": application.get("import_path", ""),
        "deployment": deployment.get("name", ""),
    }
    filled = {
        "name": application.get("name", "default"),
        "route": application.get("route_prefix", "/"),
        "model": arguments.get("model", ""),
        "queued": deployment.get("max_queued_requests", -1),
        "least": least,
        "most": most,
    }
    return asked | imported | filled
