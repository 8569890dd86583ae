"""Facts about a ``prometheus.yml``, where neither Prometheus nor a target is at hand."""

from __future__ import annotations

import re
from pathlib import Path

import yaml


def configured(path: Path) -> dict:
    """Return the facts of ``prometheus.scraped`` by what a ``prometheus.yml`` says; no target is asked."""
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    jobs = told.get("scrape_configs") or [{}]
    targets = [one for job in jobs for some in job.get("static_configs", ()) for one in some["targets"]]
    wrong = [one for one in targets if not re.fullmatch(r"[\w.-]+:\d+", one)]
    interval = jobs[0].get("scrape_interval", told.get("global", {}).get("scrape_interval", "1m"))
    return {
        "complaint": "",
        "targets": len(targets),
        "health": "down" if wrong else "up",
        "error": ", ".join(wrong)[:200],
        "serves": "service",
        "job": jobs[0].get("job_name", ""),
        "interval": interval,
    }
