"""The real Ray Serve on this machine: a cluster on loopback, what runs in it, and an application looked into."""

from labs.serve.ray.cluster import ENVIRONMENT, RayCluster, RayError, ReplicaWatch, start_ray

__all__ = ["ENVIRONMENT", "RayCluster", "RayError", "ReplicaWatch", "start_ray"]
