"""Faults inside a machine: commands that answer differently from its image's.

A condition is a fault of ``faults.toml`` that ``stays`` with the machine that is made when it
strikes. Its shell scripts replace the machine's own commands.
"""

from collections.abc import Mapping
from pathlib import Path

#: Prefix of a script: the replaced command, which may be missing, and the condition's seconds.
_HEAD = '#!/bin/sh\nreal=%s/"${0##*/}"\nseconds=%s\n'

_SLOW = 'sleep "$seconds"\nexec "$real" "$@"\n'

#: apt's message about a mirror that fails once; at the next try it answers again.
_NO_INDEX = """\
case " $* " in *" apt-get "*)
  if mkdir "$real.tried" 2> /dev/null; then
    index=http://archive.ubuntu.com/ubuntu/dists/noble/InRelease
    echo "E: Failed to fetch $index  503  Service Unavailable"
    echo "E: Some index files failed to download. They have been ignored, or old ones used instead."
    exit 100
  fi
esac
exec "$real" "$@"
"""

_NO_ROOM = """\
echo "tar: serving-labs/README.md: Cannot write: No space left on device" >&2
echo "tar: Exiting with failure status due to previous errors" >&2
exit 2
"""

_MISMATCH = """\
echo "Failed to initialize NVML: Driver/library version mismatch"
echo "NVML library version: 580.126"
exit 18
"""

#: By condition, the commands that answer otherwise; without a text a command is missing.
CONDITIONS: Mapping[str, Mapping[str, str]] = {
    "slow-card": {"tar": _SLOW, "sha256sum": _SLOW},
    "apt-broken": {"sudo": _NO_INDEX},
    "disk-full": {"tar": _NO_ROOM},
    "other-image": {"nvidia-smi": "", "rocm-smi": ""},
    "other-driver": {"nvidia-smi": _MISMATCH},
}
#: Those that a reboot ends: it loads the driver that is installed.
ENDED_BY_REBOOT = frozenset({"other-driver"})


def worsen(commands: Path, conditions: Mapping[str, float | None]) -> None:
    """Put the conditions' scripts in front of a machine's commands, once.

    Args:
        commands: The machine's folder of commands. Its own ones move to a folder inside.
        conditions: Seconds of each, by name; None for those without a length.
    """
    own = commands / ".own"
    if not conditions or own.exists():
        return
    own.mkdir()
    for name, seconds in conditions.items():
        for command, text in CONDITIONS[name].items():
            path = commands / command
            is_own = not (own / command).is_symlink() and not (own / command).exists()
            if is_own and (path.is_symlink() or path.exists()):
                path.rename(own / command)
            path.unlink(missing_ok=True)
            if text:
                path.write_text(_HEAD % (own, seconds) + text, encoding="utf-8")
                path.chmod(0o755)


def after_reboot(commands: Path, conditions: Mapping[str, float | None]) -> dict[str, float | None]:
    """Give a machine back the commands of the conditions that a reboot ends; return the others."""
    for name in ENDED_BY_REBOOT.intersection(conditions):
        for command in CONDITIONS[name]:
            own = commands / ".own" / command
            (commands / command).unlink(missing_ok=True)
            if own.is_symlink() or own.exists():
                own.rename(commands / command)
    return {name: conditions[name] for name in conditions if name not in ENDED_BY_REBOOT}
