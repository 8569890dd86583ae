"""The files that a sandboxed command sees: the language's runtime, and the few files of the course
that run inside. All other files are absent: questions, answers, history, homes and other
submissions.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from labs.course import cells
from labs.workspace import PROJECT_DIR, deeper_packages

#: Programs and libraries of the system; a link where the system has one.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")

#: Paths from the course's root: modules that measure models, run answer cells and ask programs, and
#: modules beside a program. Students' other files are left out, because a service or a measuring
#: loop of the course would be an answer.
COURSE = (
    "labs/__init__.py",
    "labs/workspace.py",
    *(f"{module.replace('.', '/')}.py" for module in cells.COURSE),
    "labs/course/__init__.py",
    "labs/course/cells.py",
    "labs/data/__init__.py",
    "labs/data/intake.py",
    "labs/deeper/__init__.py",
    "labs/judge",
    "labs/optimize/__init__.py",
    "labs/optimize/exported.py",
    "labs/optimize/multiplications.py",
    "labs/serve/compared/classifier.py",
    "labs/serve/triton/models/food.py",
    "grading/__init__.py",
    "grading/grade/__init__.py",
    "grading/grade/artefacts/__init__.py",
    "grading/grade/artefacts/child.py",
    "grading/grade/artefacts/graph.py",
    "grading/grade/artefacts/published.npz",
    "grading/grade/artefacts/published.py",
    "grading/grade/functions/__init__.py",
    "grading/grade/functions/kernel.py",
    "grading/grade/functions/names.py",
    "grading/grade/functions/plugin.py",
    "grading/grade/functions/verbs.py",
    "grading/grade/sandbox/system_calls.py",
)


#: Bubblewrap's own file systems are in memory, where no limit counts writes, so they become
#: read-only once made.
CLOSED = ("--remount-ro", "/dev", "--remount-ro", "/tmp", "--remount-ro", "/")

#: A command's own namespaces: without a network, with only its own processes.
_UNSHARED = (
    "--unshare-ipc",
    "--unshare-net",
    "--unshare-pid",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
)


def arguments(work: Path) -> list[str]:
    """Return bubblewrap's arguments for a command in a folder, which keeps its path and is all that
    it can write to.
    """
    own = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    # After them, since parts of it may be in /tmp.
    shown = list(_shown())
    writable = [*_folders_above([work]), "--bind", str(work), str(work)]
    return [*_UNSHARED, *own, *shown, *writable, *CLOSED, "--chdir", str(work)]


def _shown() -> Iterator[str]:
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        elif path.exists():
            yield from ("--ro-bind", name, name)
    course = [PROJECT_DIR / name for name in COURSE]
    # A deep dive's modules that ask a program. Its solutions are beside the package, and its
    # services in it, so the rest is left out.
    for package in deeper_packages().values():
        inside = package / "inside.py"
        if inside.is_file():
            course += [package / "__init__.py", inside]
    shown = [*_python(), *course]
    yield from _folders_above(shown)
    for path in shown:
        yield from ("--ro-bind", str(path), str(path))


def _folders_above(paths: Iterable[Path]) -> Iterator[str]:
    """Yield arguments that make the folders above some paths, because the sandbox's user cannot
    enter folders that bubblewrap makes by itself.
    """
    folders: set[Path] = set()
    for path in paths:
        folders.update(path.parents)
    for folder in sorted(folders - {Path("/")}):
        yield from ("--perms", "0755", "--dir", str(folder))


def _python() -> list[Path]:
    """Return the interpreter's own folders and its packages', outer ones first, those of the system
    left out.
    """
    prefix = Path(sys.prefix)
    wanted = {Path(sys.base_prefix).resolve(), prefix, prefix.resolve()}
    for path in map(Path, sys.path):
        if path.name in ("site-packages", "dist-packages"):
            wanted.add(path)
    folders: list[Path] = []
    for path in sorted(wanted):
        is_inside = any(path.is_relative_to(outer) for outer in (Path("/usr"), *folders))
        if path.is_dir() and not is_inside:
            folders.append(path)
    return folders
