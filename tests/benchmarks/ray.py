"""What a lost replica costs on Ray Serve: requests that failed at first, and those that a retry policy did not save."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pandas as pd

from labs.display.format import duration
from labs.load.race import together
from labs.load.retry import RetriedLoad, retried_load
from labs.runtimes.progress import OnProgress, silent
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.ray import RayCluster, start_ray
from labs.workspace import WORKSPACE_VARIABLE, programs_dir

#: The application that is served.
PROGRAM = Path(__file__).parents[1] / "labs" / "serve" / "ray" / "teams.py"

#: Requests a second, seconds of load, and when the replica is killed.
RATE_RPS, DURATION_S, KILLED_AFTER_S = 8, 15.0, 4.0


def policy(failed_tries: int, status: int) -> float:
    """Return the seconds before another try: twice as long each time, and -1 for the client's own mistakes."""
    if failed_tries >= 5 or (400 <= status < 500 and status != 429):
        return -1
    return min(2.0, 0.1 * 2 ** (failed_tries - 1))


def never(failed_tries: int, status: int) -> float:
    """Give up at once: what clients without a policy do."""
    return -1


def two_replicas() -> Path:
    """Return a Serve config (JSON is YAML) with two replicas at ``/menu``, its program beside it in the workspace."""
    folder = programs_dir() / "ray"
    folder.mkdir()
    shutil.copy(PROGRAM, folder)
    food = {"name": "Food", "num_replicas": 2, "ray_actor_options": {"num_cpus": 0.5}}
    menu = {"name": "menu", "route_prefix": "/menu", "import_path": "teams:build", "deployments": [food]}
    config = folder / "menu.json"
    config.write_text(json.dumps({"applications": [menu | {"args": {"model": str(fp32_model())}}]}))
    return config


def recovery(cluster: RayCluster, retry: object) -> tuple[RetriedLoad, float]:
    """Return what became of requests while a replica of two was killed, and the seconds until there were two again."""
    load = partial(
        retried_load,
        f"{cluster.url}/menu/predict/raw",
        [photo(number) for number in range(8)],
        retry,
        rate_rps=RATE_RPS,
        duration_s=DURATION_S,
    )
    back_s: list[float] = []

    def kill(on_progress: OnProgress) -> None:
        killed = cluster.kill_replica("menu", "Food", after_s=KILLED_AFTER_S)
        begin_s = time.monotonic()
        while killed in [one.get("pid") for one in cluster.replicas("menu", "Food")]:
            time.sleep(0.1)
        cluster.wait_for_replicas("menu", "Food", 2)
        back_s.append(time.monotonic() - begin_s)

    found, _ = together(load, kill)
    return found, back_s[0]


def table(report: OnProgress = silent) -> pd.DataFrame:
    """Return a row for clients without a policy, and one for clients with such a policy."""
    rows = []
    with tempfile.TemporaryDirectory() as workspace, patch.dict(os.environ, {WORKSPACE_VARIABLE: workspace}):
        config = two_replicas()
        report(0.0, "ray: start")
        with start_ray() as cluster:
            report(0.3, "ray: deploy")
            cluster.deploy(config)
            for name, retry in (("none", never), ("backs off", policy)):
                report(0.6, f"ray: kill a replica, retries: {name}")
                found, back_s = recovery(cluster, retry)
                told = found.to_json()
                rows.append(
                    {
                        "retries": name,
                        "requests": told["requests"],
                        "failed at first": told["failed_at_first"],
                        "lost": told["lost"],
                        "most tries": max(map(len, found.statuses)),
                        "slowest": f"{max(found.took_s):.2f} s",
                        "two replicas again after": duration(back_s),
                        "bar: nothing lost": "" if retry is never else "yes" if not told["lost"] else "no",
                    }
                )
    return pd.DataFrame(rows)
