"""The zip that an instructor uploads, by an allow-list (what is not named here does not leave), and its command."""

import ast
import json
import re
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from grading.grade.artefacts.again import is_model, reader
from grading.gradescope.places import SECRET
from labs.course import cells
from labs.course.assignment import assignment
from labs.course.question import all_questions
from labs.workspace import PROJECT_DIR

console = Console()

#: What grading one submission needs, beside what its questions read; ``*`` spans folders. The
#: notebooks come along as students get them.
ALLOWED = (
    "grading/__init__.py",
    *("grading/grade/*.py", "grading/grade/*/templates/*.html", "grading/gradescope/*.py"),
    *("labs/checkpoints/*.py", "labs/course/*.py", "labs/course/questions.json", "labs/judge/*.py"),
    *(f"labs/{name}.py" for name in "__init__ shell workspace".split()),
    *(f"{name.replace('.', '/')}.py" for name in cells.COURSE),
    *(f"labs/runtimes/{name}.py" for name in "__init__ progress".split()),
    *(
        f"labs/{name}.py"
        for name in "data/__init__ data/dataset data/intake data/labels data/preprocess".split()
    ),
    *(
        f"labs/{name}.py"
        for name in "display/__init__ display/format optimize/__init__ optimize/traced".split()
    ),
    *("labs/serve/__init__.py", "labs/serve/compared/__init__.py", "labs/serve/triton/__init__.py"),
    *(
        f"labs/serve/{name}.py"
        for name in ("compared/classifier", "triton/models/__init__", "triton/models/food")
    ),
    *("assets/reference/*.json", "assignment.toml"),
    *("labs/machine/*.py", "labs/records/*.py", "labs/records/*.json", "labs/records/*.toml"),
    "LICENSE",
    "constraints.txt",
)

#: What only the building needs.
REFUSED = ("grading/gradescope/package.py",)

#: Imported by what runs inside Gradescope, students' functions among it; no torch, whose wheels alone are larger than
#: the rest.
PACKAGES = (
    *cells.PACKAGES,
    *"Jinja2 fastapi fastapi-offline fastjsonschema grpcio ipykernel".split(),
    *"jupyter_client nbval numba onnx onnxruntime pillow platformdirs pydantic pytest PyYAML tritonclient".split(),
)

_SCRIPTS = ("setup.sh", "run_autograder")


def build_package(target: Path, *, part: int, seed: str) -> Path:
    """Write the autograder's zip, with pictures and cases that the secret seed draws, and return its path.

    Raises:
        ValueError: The assignment has no such part, or the seed is empty.
    """
    names = files(PROJECT_DIR, part)
    if not seed.strip():
        raise ValueError("an empty seed is no secret: choose a few random words")
    secret = _secret(part, seed)
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in _SCRIPTS:
            _add(archive, name, (Path(__file__).parent / name).read_bytes(), 0o755)
        _add(
            archive,
            "requirements.txt",
            requirements(PROJECT_DIR / "constraints.txt").encode(),
            0o644,
        )
        for name in names:
            _add(archive, name, (PROJECT_DIR / name).read_bytes(), 0o644)
        _add(archive, f"{SECRET}/", b"", 0o700)
        for name, content in secret.items():
            _add(archive, f"{SECRET}/{name}", content, 0o600)
    # It holds the secret cases.
    target.chmod(0o600)
    return target


def files(root: Path, part: int) -> list[str]:
    """Return what the zip carries of the checkout, as paths from its root, sorted.

    Raises:
        AssignmentError: The assignment has no such part.
    """
    # The assignment is checked against all lessons that there are, so that those come along, too.
    notebooks = [
        path.relative_to(root).as_posix() for path in root.glob("notebooks/[0-9]_*/**/*.ipynb")
    ]
    assignment().part(part)
    return sorted({*_found(root), *_readers(root), *notebooks})


def _found(root: Path) -> Iterator[str]:
    # Only where something is allowed: a checkout may hold an environment of a hundred thousand files.
    for top in sorted({pattern.split("/")[0] for pattern in ALLOWED}):
        for path in [root / top, *(root / top).rglob("*")]:
            name = path.relative_to(root).as_posix()
            plain = path.is_file() and not path.is_symlink()
            if plain and any(fnmatch(name, one) for one in ALLOWED) and name not in REFUSED:
                yield name


def _readers(root: Path) -> Iterator[str]:
    """Yield the files of what judges records and answers and reads files again, with all that it imports of labs."""
    asked = [
        question for question in all_questions().values() if question.reads and not question.told
    ]
    waiting = {reader(question).partition(":")[0] for question in asked if not is_model(question)}
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        place = root.joinpath(*module.split("."))
        path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if not path.is_file():  # a name in a module
            continue
        yield path.relative_to(root).as_posix()
        imported = {module.rpartition(".")[0]}
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                imported |= {
                    str(node.module),
                    *(f"{node.module}.{alias.name}" for alias in node.names),
                }
        waiting |= {name for name in imported if name.partition(".")[0] == "labs"} - seen


def _secret(part: int, seed: str) -> dict[str, bytes]:
    """Return the files of the folder that only the grader reads.

    Functions' cases are drawn here, so that no solution leaves this machine.
    """
    from grading.builder.compiled import secret_cases
    from grading.grade.artefacts.pictures import Pictures
    from grading.grade.result import fallback

    asked = assignment().part(part)
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures.npz"
        Pictures.draw(seed).save(pictures)
        drawn = pictures.read_bytes()
    return {
        "part.json": json.dumps(part).encode(),
        "fallback.json": json.dumps(fallback(asked.worth), indent=1).encode(),
        "pictures.npz": drawn,
        "cases.json": json.dumps(secret_cases(asked.asked(), seed)).encode(),
    }


def _add(archive: zipfile.ZipFile, name: str, content: bytes, mode: int) -> None:
    entry = zipfile.ZipInfo(
        name
    )  # with a zip's first day: the same tree and seed give the same bytes
    entry.create_system = 3  # Unix: what stands in the upper half of external_attr is a mode
    kind = stat.S_IFDIR if name.endswith("/") else stat.S_IFREG
    entry.external_attr = (kind | mode) << 16
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def requirements(constraints: Path) -> str:
    """Return the text of ``requirements.txt``: one pinned package a line.

    Raises:
        ValueError: A package has no exact pin there; add it, so that a grade does not depend on the day of the upload.
    """
    pins = {}
    for line in constraints.read_text(encoding="utf-8").splitlines():
        name, pinned, _ = line.partition("==")
        if pinned and not line.startswith("#"):
            pins[_plain(name)] = line.strip()
    missing = [name for name in PACKAGES if _plain(name) not in pins]
    if missing:
        raise ValueError(f"{constraints.name} has no exact pin of {', '.join(missing)}")
    return "".join(f"{pins[_plain(name)]}\n" for name in PACKAGES)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def gradescope(
    part: Annotated[int, typer.Option(help="Part of the assignment.")] = 1,
    out: Annotated[Path, typer.Option(help="The zip to upload.")] = Path("autograder.zip"),
) -> None:
    """Build a part's autograder for Gradescope. The seed is GRADING_SEED, or asked for."""
    from grading.seed import secret_seed

    try:
        built = build_package(out, part=part, seed=secret_seed())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    console.print(f"{built}: {built.stat().st_size / 1e6:.1f} MB", highlight=False)
    worth = assignment().part(part).worth
    console.print(
        f"Part {part}, {worth:g} points by the autograder. The zip holds secret cases: keep it."
    )
