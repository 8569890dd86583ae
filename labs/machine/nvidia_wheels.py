"""Where NVIDIA's wheels of Triton and perf_analyzer run: x86-64 Linux with a C library that is new enough."""

from __future__ import annotations

from labs.machine.surroundings import Surroundings

#: Oldest C library that each runs with. Source: the wheels' platform tags, as in ``labs.serve.triton.environment``.
OLDEST_GLIBC = {"Triton": (2, 35), "perf_analyzer": (2, 38)}

#: What to do on other machines.
ELSEWHERE = (
    "NVIDIA's container where Docker runs x86-64 (provisioning/node/p100/compose.yaml), or an x86-64 Linux as new as "
    "Ubuntu 24.04 or Debian 13"
)


def unfit(name: str, architecture: str, around: Surroundings) -> str:
    """Return why a program cannot run on a machine; empty where it can.

    Args:
        name: A key of ``OLDEST_GLIBC``.
        architecture: The processor's, as a fingerprint names it.
        around: What is installed around it.
    """
    if (around.system, architecture) != ("Linux", "x86_64"):
        return f"NVIDIA has no wheel of it for {around.system} on {architecture}"
    if around.glibc < OLDEST_GLIBC[name]:
        needed, found = (".".join(map(str, version)) for version in (OLDEST_GLIBC[name], around.glibc))
        return f"its wheel needs glibc {needed}, and this system has {found}"
    return ""
