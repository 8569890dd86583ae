"""Looks into a student's application and configuration: Ray itself reads them, Ray Serve runs the application.

The functions run in the notebook and use the cluster that is open there. This file is also the script that they run in
Ray's own environment: ``examine.py APP.py`` builds an application, ``examine.py CONFIG.yaml`` reads a configuration
with Ray's schema, and each prints what it found as one line of JSON.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path


def facts_about_router(path: Path) -> dict:
    """Return where a router's requests go: how many of 60 each version answered, and whether their classes are right.

    Args:
        path: The router's program, deployed in the open cluster.

    Raises:
        LookupError: It is not what runs there.
    """
    import httpx

    from labs.serve.models import fp32_model
    from labs.serve.photos import photo
    from labs.serve.ray.cluster import OPEN, open_cluster

    path, images = Path(path), [photo(number) for number in range(4)]
    route = OPEN[-1].route_of(path) if OPEN else None
    if route is None:
        raise LookupError(f"{path.name} is not what runs in an open cluster: deploy it, then check")
    with open_cluster() as cluster, httpx.Client(timeout=60) as client:
        answers = [client.post(f"{cluster.url}{route}/predict/raw", content=images[place % 4]) for place in range(60)]
    told = [one.json() if one.status_code == 200 else {} for one in answers]
    return {
        "versions": dict(Counter(str(one.get("version")) for one in told)),
        "statuses": dict(Counter(str(one.status_code) for one in answers)),
        "right": [one.get("class") for one in told[:4]] == _classes(fp32_model(), images),
    }


def _classes(model: Path, images: list[bytes]) -> list[int]:
    """Return the classes that the model itself gives some images."""
    import numpy as np
    import onnxruntime as ort

    from labs.data.preprocess import load_image, to_input

    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    inputs = np.stack([to_input(load_image(image)) for image in images])
    return session.run(None, {"input": inputs})[0].argmax(axis=1).tolist()


def _application(path: Path, model: str) -> dict:
    """Return the deployments of what a file builds, and the largest batch that any of their methods takes."""
    sys.path.insert(0, str(path.parent))
    bound = list(_bound(__import__(path.stem).build({"model": model})))
    sizes = [size for one in bound for size in _batch_sizes(one.func_or_class)]
    return {"deployments": [one.name for one in bound], "max_batch_size": max(sizes, default=1)}


def _bound(application: object) -> Iterator:
    """Yield the deployments of an application, those that it was given first."""
    own = application._bound_deployment
    for argument in (*own.init_args, *own.init_kwargs.values()):
        if hasattr(argument, "_bound_deployment"):
            yield from _bound(argument)
    yield own


def _batch_sizes(kind: type) -> list[int]:
    """Return the largest batch of each method that ``@serve.batch`` wraps."""
    kinds = [one for base in kind.__mro__ for one in vars(base).values()]
    return [one._get_max_batch_size() for one in kinds if hasattr(one, "_get_max_batch_size")]


def _config(path: Path) -> dict:
    import yaml
    from ray.serve.schema import ServeDeploySchema

    found = ServeDeploySchema.model_validate(yaml.safe_load(path.read_text()))
    return {
        "host": found.http_options.host,
        "proxy_location": found.proxy_location.value,
        "applications": [
            {
                "name": app.name,
                "route_prefix": app.route_prefix,
                "import_path": app.import_path,
                "deployments": {one.name: _deployment(one.model_dump(exclude_unset=True)) for one in app.deployments},
            }
            for app in found.applications
        ],
    }


def _deployment(given: dict) -> dict:
    """Return what a deployment asks for; a replica takes one processor where nothing is said."""
    scaling = given.get("autoscaling_config") or {}
    replicas = given.get("num_replicas") or 1
    return {
        "num_cpus": float((given.get("ray_actor_options") or {}).get("num_cpus", 1)),
        "min_replicas": scaling.get("min_replicas", 1) if scaling else replicas,
        "max_replicas": scaling.get("max_replicas", 1) if scaling else replicas,
        "target_ongoing_requests": scaling.get("target_ongoing_requests", 2) if scaling else None,
        "max_queued_requests": given.get("max_queued_requests", -1),
    }


if __name__ == "__main__":
    path = Path(sys.argv[1])
    print(json.dumps(_application(path, sys.argv[2]) if path.suffix == ".py" else _config(path)))
