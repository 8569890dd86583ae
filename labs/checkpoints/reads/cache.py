"""Which versions of a model a ``config.pbtxt`` serves."""

from pathlib import Path

from labs.checkpoints.reads.triton_configs import parsed


def versions(path: Path) -> dict:
    """Return which versions a ``config.pbtxt`` serves, and by which policy; ``fault`` if it cannot be read."""
    model, fault = parsed(path)
    policy = model.version_policy.WhichOneof("policy_choice") or "latest"
    return {"fault": fault, "policy": policy, "versions": sorted(model.version_policy.specific.versions)}
