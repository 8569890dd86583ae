"""The real Ray Serve on this machine: a cluster on loopback, and its applications."""

from labs.serve.ray.cluster import RayCluster, RayError, ReplicaWatch, start_ray

__all__ = ["RayCluster", "RayError", "ReplicaWatch", "start_ray"]
