"""Facts about a template of Serve configs: what its application asks for, with Ray's defaults if it says nothing."""

from pathlib import Path
from string import Template

import yaml

#: What a template is filled in with, to see whether each value arrives where it belongs.
_TEAM = {"team": "noodles", "model": "/models/noodles.onnx", "least": 0, "most": 3, "queued": 7}


def team_template(path: Path) -> dict:
    """Return what a template makes of a team called noodles: its address, its model, and what its deployment asks for.

    Args:
        path: A YAML list of one application with ``$team``, ``$model``, ``$least``, ``$most`` and ``$queued``.
    """
    found = yaml.safe_load(Template(path.read_text(encoding="utf-8")).substitute(_TEAM))
    (one,) = found if isinstance(found, list) else [found]
    deployment = (one.get("deployments") or [{}])[0]
    scaling = deployment.get("autoscaling_config") or {}
    fixed = deployment.get("num_replicas") or 1
    return {
        "name": one.get("name", "default"),
        "route": one.get("route_prefix", "/"),
        "model": (one.get("args") or {}).get("model", ""),
        "queued": deployment.get("max_queued_requests", -1),
        "least": scaling.get("min_replicas", 1) if scaling else fixed,
        "most": scaling.get("max_replicas", 1) if scaling else fixed,
    }
