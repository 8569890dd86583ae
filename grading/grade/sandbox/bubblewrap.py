"""Why bubblewrap does not work on a host, by its own words, and how it is allowed.

Source: ``bubblewrap.c`` of bubblewrap 0.8 to 0.12, and
https://ubuntu.com/blog/ubuntu-23-10-restricted-unprivileged-user-namespaces.
"""

import re

_MISSING = "bubblewrap is not installed. Debian, Ubuntu: sudo apt install bubblewrap."

#: By bubblewrap's last words: the cause, and the fix.
_CAUSES = (
    (
        # Ubuntu lets a program make a user namespace, and AppArmor then takes away every capability
        # in it.
        r"(setting up uid map|loopback: Failed RTM_NEW\w+|Failed to make / slave"
        r"|Creating new namespace failed): (Permission denied|Operation not permitted)\s*\Z",
        "bubblewrap is installed and AppArmor forbids user namespaces, as on Ubuntu 23.10 and "
        "later. Allow them until the next boot: sudo sysctl -w "
        "kernel.apparmor_restrict_unprivileged_userns=0. To allow them for bubblewrap alone and "
        "for good, add the AppArmor profile that grading/README.md shows. In a container, only "
        "its host can allow them: grade outside the container.",
    ),
    (
        r"\(ENOSPC\)\s*\Z",
        "bubblewrap is installed and this system allows no further user namespaces. Allow them "
        "until the next boot: sudo sysctl -w user.max_user_namespaces=10000. In a container, "
        "only its host can allow them: grade outside the container.",
    ),
    (
        r"No permissions to creat|does not support user namespaces|Can't mount proc|pivot_root",
        "bubblewrap is installed and user namespaces are forbidden, as in most containers: "
        "grade outside the container. Where there is no container: sudo sysctl -w "
        "kernel.unprivileged_userns_clone=1 (Debian), sudo sysctl -w "
        "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu).",
    ),
)

_UNKNOWN = (
    "bubblewrap is installed and does not work here: as root it may; in a container, grade "
    "outside of it."
)


def why_not(complaint: str) -> str:
    """Return in one line why bubblewrap does not work, and how to allow it.

    Args:
        complaint: The output of bubblewrap when it failed; empty where it is not installed.
    """
    if not complaint:
        return _MISSING
    causes = (text for pattern, text in _CAUSES if re.search(pattern, complaint))
    last_line = complaint.splitlines()[-1][:200]
    return f"{next(causes, _UNKNOWN)} It says: {last_line!r}."
