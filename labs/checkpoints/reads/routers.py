"""Facts about a router in the open Ray cluster: where its requests go, and whether they are answered well."""

from __future__ import annotations

from pathlib import Path

from labs.serve.ray.examine import facts_about_router


def router(path: Path) -> dict:
    """Return of 60 requests how many were answered, how many by which version, and whether their classes are right.

    Args:
        path: The router's program, deployed in the open cluster.
    """
    seen = facts_about_router(path)
    versions = seen["versions"]
    return {
        "answered": seen["statuses"].get("200", 0),
        "named": versions.get("stable", 0) + versions.get("canary", 0),
        "canary": versions.get("canary", 0),
        "right": seen["right"],
    }
