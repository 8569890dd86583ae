"""The real Ray Serve on this machine: a cluster on loopback, and what runs in it."""

from labs.serve.ray.cluster import RayCluster, RayError, ReplicaWatch, start_ray

__all__ = ["RayCluster", "RayError", "ReplicaWatch", "start_ray"]
