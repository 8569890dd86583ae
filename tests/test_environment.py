"""The lists of packages agree everywhere; set-up stops with a message; the course is where people
look for it.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatch
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from labs.runtimes.providers import environments
from labs.workspace import deeper_packages
from provisioning.computer import Computer
from provisioning.front.lab import LABEXTENSIONS, SETTINGS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAKEFILE = (ROOT / "Makefile").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
CONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
#: What `make setup` installs.
EXTRAS = re.search(r"^EXTRAS := (\S+)$", MAKEFILE, re.M).group(1)

#: Wheels that overwrite each other's files (microsoft/onnxruntime#26996).
ONNX_RUNTIMES = {"onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-migraphx"}


#: The extras that a folder's code is installed with, the longest name first; '' is the package's
#: own dependencies.
EXTRAS_OF = {
    "provisioning/front": ("", "labs", "provisioning", "rehearsal"),
    "assets/recipes": ("", "labs", "recipes"),
    **{
        f"labs/{name}": ("", "labs", "serving")
        for name in ["checkpoints/reads", "serve", "load", "widgets"]
    },
    "labs": ("", "labs"),
    # A class is planned on the instructor's machine.
    "provisioning/classroom": ("", "provisioning", "grading"),
    # Its own pyproject.toml has the same, and its tests hold it to that.
    "provisioning/rehearsal": ("", "provisioning", "rehearsal"),
    "provisioning": ("", "provisioning"),
    "grading/builder": ("", "grading", "labs", "site"),
    "grading": ("", "grading", "labs", "cluster"),
    "notebooks/site": ("", "site"),
    "notebooks": ("", "provisioning", "labs", "serving"),
}

#: Packages that are imported and not declared, by the declared one whose interface they are a part
#: of.
PART_OF = {
    "docutils": "sphinx",
    "fabric": "python-chi",
    "grpcio": "tritonclient",
    "ipython": "ipywidgets",
    "jupyter-client": "nbclient",
    "jupyter-server": "jupyterlab",
    "markupsafe": "jinja2",
    "packaging": "jupyterlab",
    "paramiko": "python-chi",
    "protobuf": "onnx",
    "pydantic-core": "pydantic",
    "pytest": "nbval",
    "starlette": "fastapi",
    "tornado": "jupyterlab",
}

#: Modules that another process or environment gives to its own code, students' programs among them,
#: and one that is used where it is installed.
NOT_PACKAGES = {
    "app",
    "classifier",
    "food",
    "intake",
    "own_models",
    "triton_python_backend_utils",
    "uvloop",
    "worker",
    "yaml",
}


_LINES = [
    line
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
CONSTRAINTS = {canonicalize_name(pin.name): pin for pin in map(Requirement, _LINES)}

DECLARED = [
    (extra, Requirement(line))
    for extra, lines in {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}.items()
    for line in lines
]


@pytest.mark.parametrize(("extra", "requirement"), DECLARED, ids=lambda value: str(value))
def test_every_declared_package_has_a_constraint_that_fits(
    extra: str, requirement: Requirement
) -> None:
    """Each package is constrained, to a version that its declared range admits."""
    constraint = CONSTRAINTS.get(canonicalize_name(requirement.name))
    assert constraint, f"{requirement.name} has no constraint: make pins"
    pinned = [spec.version for spec in constraint.specifier if spec.operator == "=="]
    lowest = [spec.version for spec in constraint.specifier if spec.operator == ">="]
    assert pinned or lowest, f"{constraint} states no version: make pins"
    is_admitted = [requirement.specifier.contains(version) for version in pinned or lowest]
    assert all(is_admitted), f"{constraint} is outside of {requirement}: make pins"


def test_everything_is_pinned_and_torch_to_one_minor_version_wherever_it_is_named() -> None:
    """Each machine uses the fitting build of torch and torchvision; only nodes have other
    versions.
    """
    ranged = {
        name for name, c in CONSTRAINTS.items() if not any(s.operator == "==" for s in c.specifier)
    }
    assert ranged == {"torch", "torchvision"}
    files = [
        *ROOT.glob("*.*"),
        *(ROOT / "labs").rglob("*.*"),
        *(ROOT / "provisioning").rglob("*.*"),
    ]
    files = [path for path in files if path.suffix in (".toml", ".txt", ".yml")]
    limits = r"(?:[<>=!~]=|[<>]) *[\d.]+"
    range_of = re.compile(rf"\b(torch|torchvision) *({limits}(?: *, *{limits})*)")
    named = []
    for path in files:
        if not path.is_relative_to(ROOT / "provisioning" / "node"):
            ranges = range_of.findall(path.read_text("utf-8"))
            named += [(path, name, SpecifierSet(text)) for name, text in ranges]
    assert {path.name for path, _, _ in named} >= {"pyproject.toml", "constraints.txt"}
    for path, name, pin in named:
        pinned = CONSTRAINTS[name].specifier
        (lowest,) = [Version(bound.version) for bound in pinned if bound.operator == ">="]
        inside = [
            f"{lowest.major}.{minor}.9"
            for minor in range(99)
            if pin.contains(f"{lowest.major}.{minor}.9")
        ]
        assert inside == [f"{lowest.major}.{lowest.minor}.9"], f"{path}: {name}{pin}"


def test_conda_brings_the_tools_and_make_brings_the_packages() -> None:
    """One way installs packages, so that both give the same; conda's Python has all of them on
    macOS too.
    """
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    tools = {str(entry).partition("=")[0] for entry in yaml.safe_load(text)["dependencies"]}
    assert tools == {"python", "make", "cxx-compiler"}
    python = next(
        entry for entry in yaml.safe_load(text)["dependencies"] if entry.startswith("python=")
    )
    chooser = (ROOT / "provisioning" / "python.sh").read_text(encoding="utf-8")
    tried = re.search(r"^for name in \S+ (.+); do$", chooser, re.M).group(1).split()
    assert python.replace("=", "") in tried
    major, minor = map(int, python.removeprefix("python=").split("."))
    assert Computer("Darwin", "arm64", (14,), (major, minor, 0)).wrong_python() == ""
    assert "conda activate model-serving-labs && make setup" in text
    wanted = SpecifierSet(PROJECT["requires-python"])
    versions = [name.removeprefix("python") for name in tried if name != "python3"]
    assert all(wanted.contains(f"{version}.2") for version in versions)


def resolve(
    version: str, extras: Sequence[str], folder: Path, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Ask the resolver for wheels of the pinned versions for one Python; skip the test without a
    network.
    """
    line = [
        Path(sys.executable).with_name("uv"),
        "pip",
        "compile",
        "pyproject.toml",
        "--constraint",
        "constraints.txt",
    ]
    line += [word for extra in extras for word in ("--extra", extra)]
    line += [
        "--python-version",
        version,
        "--only-binary",
        ":all:",
        "--quiet",
        "--output-file",
        folder / "wheels.txt",
    ]
    given = os.environ | variables
    done = subprocess.run(
        [*line, *options], cwd=ROOT, env=given, capture_output=True, text=True, check=False
    )
    if "No solution" not in done.stderr and done.returncode:
        pytest.skip(f"no package index can be reached: {done.stderr[-200:]}")
    return done


#: What Debian 12 has, Ubuntu 24.04, Debian 13 and Debian 14; the oldest could not have the versions
#: that were pinned.
@pytest.mark.parametrize(
    "version",
    [
        "3.11.2",
        *(pytest.param(version, marks=pytest.mark.slow) for version in ("3.12", "3.13", "3.14")),
    ],
)
def test_the_pinned_versions_fit_every_python_that_is_promised(
    version: str, tmp_path: Path
) -> None:
    """One set of versions for all of them, each with a wheel; asked of the resolver, so skipped
    without a network.
    """
    done = resolve(version, EXTRAS.split(","), tmp_path)
    assert done.returncode == 0, f"make pins: {done.stderr}"


def _imported() -> set[tuple[str, str]]:
    """Return every outside package that is imported, with the key of ``EXTRAS_OF`` for the folder
    that imports it.
    """
    owners, imported = packages_distributions(), set()
    ours = {*sys.stdlib_module_names, *NOT_PACKAGES, "labs", "provisioning", "grading"}
    rooms = [folder for folder in EXTRAS_OF if "/" not in folder]
    # pytest alone loads the rehearsal's plugin; its tests are no part of it.
    ours |= {"chameleon_rehearsal", "pytest"}
    left_out = ROOT / "provisioning" / "rehearsal" / "tests"
    sources = [
        path
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        if not path.is_relative_to(left_out)
    ]
    for path in sources:
        name = path.relative_to(ROOT).as_posix()
        if "/tests/" in name or path.name == "conftest.py":  # those of a deep dive
            continue
        folder = next(folder for folder in EXTRAS_OF if name.startswith(folder + "/"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            for top in {module.split(".")[0] for module in modules} - ours:
                # Some files run alone, with their neighbours on the path: in Triton, or as a kernel
                # starts.
                if not path.with_name(f"{top}.py").is_file():
                    imported.add((folder, canonicalize_name(owners.get(top, [top])[0])))
    return imported


def test_what_a_room_imports_is_declared_for_it() -> None:
    """A user who installs only a room's packages can import the whole room."""
    declared = {
        folder: {canonicalize_name(r.name) for extra, r in DECLARED if extra in EXTRAS_OF[folder]}
        for folder in EXTRAS_OF
    }
    # Scripts that run in a separate environment import the packages pinned there.
    pinned = [
        line
        for environment in environments().values()
        for line in (environment.wheel, *environment.requirements)
    ]
    own = {canonicalize_name(Requirement(line).name) for line in pinned}
    missing = {
        (folder, package)
        for folder, package in _imported()
        if PART_OF.get(package, package) not in declared[folder] | own
    }
    assert missing == set()


@pytest.mark.parametrize(("package", "bringer"), PART_OF.items())
def test_what_is_not_declared_comes_with_a_package_that_is(package: str, bringer: str) -> None:
    """The declared package asks for the imported one, so that it is there."""
    assert package in {canonicalize_name(Requirement(line).name) for line in requires(bringer)}


def test_no_install_has_more_than_it_may() -> None:
    """At most one ONNX Runtime in the package's own environment: they overwrite each other's
    files.
    """
    assert ONNX_RUNTIMES & {canonicalize_name(r.name) for _, r in DECLARED} == {"onnxruntime"}
    light = {canonicalize_name(r.name) for extra, r in DECLARED if extra in ("", "provisioning")}
    assert not light & (
        {"torch", "torchvision", "openvino", "nncf", "jupyterlab", "scipy"} | ONNX_RUNTIMES
    )


def test_tests_that_belong_together_run_on_one_worker(request: pytest.FixtureRequest) -> None:
    """pytest-xdist reads a test's group from its name: where it is not there, files share no
    fixtures, in silence.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("all tests run in one process")
    assert request.node.nodeid.endswith("@test_environment.py")


def tool(name: str, *arguments: object) -> str:
    """Return what a linter of the course's own environment complains of; nothing where it is
    content.
    """
    line = [Path(sys.executable).with_name(name), *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or done.stdout + done.stderr, (
        f"{name} ended with {done.returncode} and said nothing"
    )
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        *(
            ("github-workflows", f".github/workflows/{name}.yml")
            for name in ("gate", "release", "site")
        ),
        *(
            ("github-issue-forms", f".github/ISSUE_TEMPLATE/{name}.yml")
            for name in ("bug", "first-lease", "lesson")
        ),
        ("dependabot", ".github/dependabot.yml"),
        ("citation-file-format", "CITATION.cff"),
        ("compose-spec", "provisioning/node/p100/compose.yaml"),
        ("compose-spec", "labs/serve/containers/compose.yaml"),
        ("compose-spec", "labs/serve/containers/gpu.yaml"),
    ],
)
def test_what_others_read_is_written_by_their_schema(schema: str, path: str):
    """Each key is one that GitHub, or Compose, knows, with a value that it takes."""
    assert tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", ROOT / path) == ""


def test_a_release_has_one_version_and_one_date():
    """The installed version, the cited version and the newest notes agree; later notes are under
    [Unreleased].
    """
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    notes = re.findall(
        r"^## \[(\d\S+)\] - (\S+)$",
        (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    publish = "one command writes all three: python -m grading publish release VERSION"
    assert (cited["version"], str(cited["date-released"])) == notes[0], publish
    assert PROJECT["version"] == notes[0][0], publish


def test_github_runs_the_same_gate():
    """``.ci/run`` itself, not a copy of its lines; and the oldest and the newest Python."""
    workflow = yaml.safe_load(
        (ROOT / ".github" / "workflows" / "gate.yml").read_text(encoding="utf-8")
    )
    jobs = workflow["jobs"]
    assert ".ci/run" in [step.get("run") for step in jobs["gate"]["steps"]]
    assert jobs["pythons"]["strategy"]["matrix"]["python"] == ["3.11", "3.14"]
    assert "make PYTHON=python front-door" in [step.get("run") for step in jobs["pythons"]["steps"]]


TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
#: What CI and containers run, by the file that says so: steps of workflows, and the recipes and
#: scripts they call.
CI = {
    ".ci/run": (ROOT / ".ci" / "run").read_text(encoding="utf-8"),
    "Makefile": re.search(r"^front-door:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE).group(1),
    "devcontainer.json": f"{CONTAINER['postCreateCommand']}\n{CONTAINER['postAttachCommand']}",
}
for _path in sorted((ROOT / ".github" / "workflows").glob("*.y*ml")):
    for _name, _job in yaml.safe_load(_path.read_text(encoding="utf-8"))["jobs"].items():
        _commands = [step["run"] for step in _job["steps"] if "run" in step]
        CI[f"{_path.name}, {_name}"] = "\n".join(_commands)


@pytest.mark.parametrize("place", CI)
def test_every_path_and_target_that_ci_names_is_there(place: str):
    """A folder of tests that moves, or a target that is renamed, takes CI along."""
    text = re.sub(r"^ *#.*$", "", CI[place], flags=re.MULTILINE).replace("$(BIN)", ".venv/bin")
    installed = {
        ".venv/bin/msl": Path(sys.executable).with_name("msl"),
        ".venv/bin/python": Path(sys.executable),
    }
    paths = re.findall(r"(?<![\w$}/\"])\.?[A-Za-z][\w.-]*/[\w./-]*\w", text)
    calls = re.findall(r"(?:^|[;&|] *|PATH=\S+ )make((?: +[^\s;&|#]+)*)", text, re.MULTILINE)
    targets = {word for call in calls for word in re.sub(r'\w+=("[^"]*"|\S*)', "", call).split()}
    assert paths or targets
    assert [path for path in paths if not installed.get(path, ROOT / path).exists()] == []
    assert targets <= TARGETS


def is_sent(name: str, left_out: list[list[str]]) -> bool:
    """Return whether ``docker build`` sends a file: no pattern fits it or a folder above it."""
    parts = name.split("/")
    fitting = (pattern for pattern in left_out if len(pattern) <= len(parts))
    return not any(all(map(fnmatch, parts, pattern)) for pattern in fitting)


def test_the_image_is_clean_to_hadolint_and_holds_no_solutions():
    """Linted with the course's own hadolint. Of the authors' rooms, the builder gets only the
    packages of deep dives.
    """
    assert tool("hadolint", ROOT / "Dockerfile") == ""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    left_out = [line.split("/") for line in lines if not line.startswith("#")]
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    sent = {name for name in listed if is_sent(name, left_out)}
    rooms = ("grading/", "tests/", "notebooks/source/", "notebooks/instructor/")
    packages = {
        str(path.relative_to(ROOT))
        for folder in deeper_packages().values()
        for path in folder.rglob("*.py")
    }
    assert packages
    assert {name for name in sent if name.startswith(rooms)} == packages


def test_the_image_starts_the_front_page(tmp_path: Path):
    """The settings that the image writes for JupyterLab are JSON and name the page's two halves,
    which are there.
    """
    (run,) = re.findall(
        r"^RUN mkdir -p /etc/jupyter.+?[^\\]$", DOCKERFILE, re.MULTILINE | re.DOTALL
    )
    moved = run.removeprefix("RUN ").replace("/etc/jupyter", str(tmp_path / "jupyter"))
    subprocess.run(["sh", "-c", moved], check=True)
    settings = json.loads(
        (tmp_path / "jupyter" / "jupyter_server_config.json").read_text(encoding="utf-8")
    )
    assert settings["ServerApp"]["jpserver_extensions"] == {"provisioning.front.server": True}
    (folder,) = settings["LabApp"]["extra_labextensions_path"]
    for written, here in (
        (folder, LABEXTENSIONS),
        (settings["LabApp"]["app_settings_dir"], SETTINGS),
    ):
        assert ROOT / Path(written).relative_to(settings["ServerApp"]["root_dir"]) == here


def test_a_new_image_brings_new_lessons_and_overwrites_none(tmp_path: Path):
    """The container's start command, on a volume with a student's work, and on an empty one."""
    (command,) = re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)
    shell, flag, script = json.loads(command)
    script = script.replace("/opt/", f"{tmp_path}/opt/").replace("/home/", f"{tmp_path}/home/")
    script = script.replace("jupyterhub-singleuser", "true")
    shipped, home = tmp_path / "opt" / "notebooks", tmp_path / "home" / "student"
    (shipped / "1_model").mkdir(parents=True)
    home.mkdir(parents=True)
    (shipped / "1_model" / "10.ipynb").write_text("as it came")
    for new in ("10.ipynb", "11.ipynb"):
        (shipped / "1_model" / new).write_text("as it came")
        subprocess.run([shell, flag, script], check=True)
        (home / "notebooks" / "1_model" / "10.ipynb").write_text("with answers")
    assert (home / "notebooks" / "1_model" / "11.ipynb").read_text() == "as it came"
    subprocess.run([shell, flag, script], check=True)
    assert (home / "notebooks" / "1_model" / "10.ipynb").read_text() == "with answers"
