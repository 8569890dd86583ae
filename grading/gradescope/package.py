"""The zip that an instructor uploads, from an allow-list (it contains only files named here), and
its command.
"""

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

from grading.grade.artefacts.reopen import is_model
from grading.gradescope.places import SECRET
from labs.course import cells
from labs.course.assignment import assignment
from labs.course.question import all_questions
from labs.workspace import PROJECT_DIR, checkout_path

console = Console()

#: Files for grading one submission, beside its questions' readers; ``*`` spans folders. The
#: notebooks are included in the students' form.
ALLOWED = (
    "grading/__init__.py",
    "grading/grade/*.py",
    "grading/grade/artefacts/published.npz",
    "grading/grade/*/templates/*.html",
    "grading/gradescope/*.py",
    "labs/__init__.py",
    "labs/errors.py",
    "labs/shell.py",
    "labs/workspace.py",
    *(f"{name.replace('.', '/')}.py" for name in cells.COURSE),
    "labs/checkpoints/*.py",
    "labs/course/*.py",
    "labs/course/questions.json",
    "labs/data/__init__.py",
    "labs/data/dataset.py",
    "labs/data/intake.py",
    "labs/data/labels.py",
    "labs/data/preprocess.py",
    "labs/display/__init__.py",
    "labs/display/format.py",
    "labs/judge/*.py",
    "labs/machine/*.py",
    "labs/optimize/__init__.py",
    "labs/optimize/exported.py",
    "labs/optimize/multiplications.py",
    "labs/records/*.json",
    "labs/records/*.py",
    "labs/records/*.toml",
    "labs/runtimes/__init__.py",
    "labs/runtimes/progress.py",
    "labs/serve/__init__.py",
    "labs/serve/compared/__init__.py",
    "labs/serve/compared/classifier.py",
    "labs/serve/triton/__init__.py",
    "labs/serve/triton/models/__init__.py",
    "labs/serve/triton/models/food.py",
    "assets/reference/*.json",
    "assignment.toml",
    "LICENSE",
    "constraints.txt",
)

#: Files that only the building, an instructor's class or a terminal needs.
REFUSED = (
    "grading/gradescope/package.py",
    "labs/course/points_table.py",
    "labs/course/roster.py",
)

#: Packages imported inside Gradescope, also by students' functions; without torch, whose wheels
#: alone are larger than the rest.
PACKAGES = (
    *cells.PACKAGES,
    "Jinja2",
    "fastapi",
    "fastapi-offline",
    "fastjsonschema",
    "ipykernel",
    "jupyter_client",
    "nbval",
    "numba",
    "onnx",
    "onnxruntime",
    "pillow",
    "platformdirs",
    "pydantic",
    "pytest",
    "uvicorn",
)

_SCRIPTS = ("setup.sh", "run_autograder")


def build_package(target: Path, *, part: int, seed: str) -> Path:
    """Write the autograder's zip, with pictures and cases that the secret seed draws, and return
    its path.

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
        pins = requirements(PROJECT_DIR / "constraints.txt")
        _add(archive, "requirements.txt", pins.encode(), 0o644)
        for name in names:
            _add(archive, name, checkout_path(name).read_bytes(), 0o644)
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
    notebooks = root.glob("notebooks/[0-9]_*/**/*.ipynb")
    names = {path.relative_to(root).as_posix() for path in notebooks}
    assignment().part(part)
    return sorted(names | {*_allowed(root), *_readers(root)})


def _allowed(root: Path) -> Iterator[str]:
    # Only where something is allowed: a checkout may hold an environment of a hundred thousand
    # files.
    for top in sorted({pattern.split("/")[0] for pattern in ALLOWED}):
        for path in [root / top, *(root / top).rglob("*")]:
            name = path.relative_to(root).as_posix()
            if name in REFUSED or not any(fnmatch(name, pattern) for pattern in ALLOWED):
                continue
            if path.is_file() and not path.is_symlink():
                yield name


def _readers(root: Path) -> Iterator[str]:
    """Yield the modules that judge records and answers and read files again, with all their imports
    from labs.
    """
    waiting = set()
    for question in all_questions().values():
        if question.reads and not question.ledger_only and not is_model(question):
            module, _, _ = question.reads.partition(":")
            waiting.add(module)
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        name = module.replace(".", "/")
        if not checkout_path(f"{name}.py", root).is_file():
            name = f"{name}/__init__"
        path = checkout_path(f"{name}.py", root)
        if not path.is_file():  # a name in a module
            continue
        yield f"{name}.py"
        package, _, _ = module.rpartition(".")
        named = {package, *_named_of_labs(path)}
        waiting |= named - seen - {""}


def _named_of_labs(path: Path) -> Iterator[str]:
    """Yield the modules of labs that a module imports at its top, and those that it starts by name,
    such as 'labs.deeper.tokens.inside:stream'.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "labs":
            yield str(node.module)
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    for text in (constant.value for constant in constants):
        if isinstance(text, str) and re.fullmatch(r"labs(\.\w+)+:\w+", text):
            yield text.partition(":")[0]


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
    cases = secret_cases(asked.asked(), seed)
    return {
        "part.json": json.dumps(part).encode(),
        "fallback.json": json.dumps(fallback(asked.worth + asked.lease), indent=1).encode(),
        "pictures.npz": drawn,
        "cases.json": json.dumps(cases).encode(),
    }


def _add(archive: zipfile.ZipFile, name: str, content: bytes, mode: int) -> None:
    # With a zip's first day: the same tree and seed give the same bytes.
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3  # Unix: the upper half of external_attr is a mode
    kind = stat.S_IFDIR if name.endswith("/") else stat.S_IFREG
    entry.external_attr = (kind | mode) << 16
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def requirements(constraints: Path) -> str:
    """Return the text of ``requirements.txt``: one pinned package a line.

    Raises:
        ValueError: A package has no exact pin there; add it, so that a grade does not depend on the
            day of the upload.
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
    size_mb = built.stat().st_size / 1e6
    console.print(f"{built}: {size_mb:.1f} MB", highlight=False)
    asked = assignment().part(part)
    worth = asked.worth + asked.lease
    console.print(
        f"Part {part}, {worth:g} points by the autograder. The zip holds secret cases: keep it."
    )
    if asked.lease:
        console.print(
            f"{asked.lease:g} of them are for leases and stay pending there: `gradebook` adds them."
        )
