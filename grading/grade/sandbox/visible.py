"""What a sandboxed command sees of the files: the language's runtime, the few files of the course that run inside, and
nothing else. What is not named here is not there: no question and no answer, no history, no home, no other submission.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from labs.workspace import PROJECT_DIR

#: Programs and libraries of the system; a link where the system has one.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")

#: Of the course, as paths from its root: what measures models, and what runs answer cells.
COURSE = (
    "labs",
    "grading/__init__.py",
    "grading/grade/__init__.py",
    *(f"grading/grade/artefacts/{name}.py" for name in ("__init__", "child", "graph", "readings")),
    *(
        f"grading/grade/functions/{name}.py"
        for name in ("__init__", "kernel", "names", "plugin", "verbs")
    ),
    "grading/grade/sandbox/system_calls.py",
)


#: Bubblewrap's own file systems lie in memory, where no limit counts what is written: once made, they are for reading.
CLOSED = tuple(word for place in ("/dev", "/tmp", "/") for word in ("--remount-ro", place))


def arguments(work: Path) -> list[str]:
    """Return bubblewrap's arguments for a command in a folder, which keeps its path and is all that it can write to."""
    return [
        *(
            "--unshare-ipc",
            "--unshare-net",
            "--unshare-pid",
            "--unshare-uts",
            "--unshare-cgroup-try",
        ),
        *("--die-with-parent", "--new-session"),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
        # Behind them, since something of it may lie in /tmp.
        *_shown(),
        *_ways([work]),
        *("--bind", str(work), str(work), *CLOSED, "--chdir", str(work)),
    ]


def _shown() -> Iterator[str]:
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        elif path.exists():
            yield from ("--ro-bind", name, name)
    shown = [*_python(), *(PROJECT_DIR / name for name in COURSE)]
    yield from _ways(shown)
    for path in shown:
        yield from ("--ro-bind", str(path), str(path))


def _ways(paths: Iterable[Path]) -> Iterator[str]:
    """Yield arguments that make the folders above some paths: those that bubblewrap makes by itself are closed to the
    sandbox's user."""
    for folder in sorted(
        {folder for path in paths for folder in path.parents if folder != Path("/")}
    ):
        yield from ("--perms", "0755", "--dir", str(folder))


def _python() -> list[Path]:
    """Return the interpreter's own folders and its packages', outer ones first, those of the system left out."""
    packages = [
        path for path in map(Path, sys.path) if path.name in ("site-packages", "dist-packages")
    ]
    wanted = [
        Path(sys.base_prefix).resolve(),
        Path(sys.prefix),
        Path(sys.prefix).resolve(),
        *packages,
    ]
    found: list[Path] = []
    for path in sorted(set(wanted)):
        if path.is_dir() and not any(path.is_relative_to(one) for one in (Path("/usr"), *found)):
            found.append(path)
    return found
