"""environment.yml, pyproject.toml and the constraints say the same thing."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from labs.runtimes.providers import environments

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

#: Wheels that overwrite each other's files (microsoft/onnxruntime#26996).
ONNX_RUNTIMES = {"onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-migraphx"}


#: The extras that a folder's code is installed with, the longest name first; '' is the package's own dependencies.
EXTRAS_OF = {
    "provisioning/front": ("", "labs", "provisioning", "rehearsal"),
    "assets/recipes": ("", "labs", "recipes"),
    "labs/checkpoints/reads": ("", "labs", "serving"),
    "labs/serve": ("", "labs", "serving"),
    "labs/load": ("", "labs", "serving"),
    "labs/observe": ("", "labs", "serving"),
    "labs/tokens": ("", "labs", "serving"),
    "labs/widgets": ("", "labs", "serving"),
    "labs": ("", "labs"),
    # A class is planned on the instructor's machine.
    "provisioning/classroom": ("", "provisioning", "grading"),
    "provisioning/rehearsal": ("", "provisioning", "rehearsal"),
    "provisioning": ("", "provisioning"),
    "grading": ("", "grading", "labs", "cluster"),
    "notebooks": ("", "provisioning", "labs", "serving"),
}

#: Packages that are imported and not declared, by the declared one whose interface they are a part of.
PART_OF = {
    "fabric": "python-chi",
    "grpcio": "tritonclient",
    "ipython": "ipywidgets",
    "jupyter-client": "nbclient",
    "jupyter-server": "jupyterlab",
    "packaging": "jupyterlab",
    "paramiko": "python-chi",
    "protobuf": "onnx",
    "pytest": "nbval",
    "starlette": "fastapi",
    "tornado": "jupyterlab",
}

#: Modules that another process or environment gives to its own code, students' programs among them, and one that is
#: used where it is installed.
NOT_PACKAGES = {
    "classifier",
    "food",
    "litserve",
    "openvino_genai",
    "ray",
    "triton_python_backend_utils",
    "uvloop",
    "yaml",
}


def _requirements(lines: list[str]) -> dict[str, Requirement]:
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r for r in parsed}


def _constraints() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return _requirements([line for line in lines if line.strip() and not line.startswith("#")])


DECLARED = [
    (extra, requirement)
    for extra, lines in {"": PROJECT["dependencies"], **EXTRAS}.items()
    for requirement in _requirements(lines).values()
]


@pytest.mark.parametrize(("extra", "requirement"), DECLARED, ids=lambda value: str(value))
def test_every_declared_package_has_a_constraint_that_fits(extra: str, requirement: Requirement) -> None:
    """Each package is constrained, to a version that its declared range admits."""
    constraint = _constraints()[canonicalize_name(requirement.name)]
    pinned = [spec.version for spec in constraint.specifier if spec.operator == "=="]
    lowest = [spec.version for spec in constraint.specifier if spec.operator == ">="]
    assert pinned or lowest, f"{constraint} states no version"
    assert all(requirement.specifier.contains(version) for version in pinned or lowest)


def test_torch_is_a_range_and_everything_else_is_pinned() -> None:
    """torch and torchvision are ranges, so that each machine takes the build that fits it; the rest is exact."""
    ranged = {name for name, c in _constraints().items() if not any(s.operator == "==" for s in c.specifier)}
    assert ranged == {"torch", "torchvision"}


def test_conda_environment_installs_what_make_does() -> None:
    """environment.yml has the Makefile's Python and extras, through the same constraints."""
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    makefile = (ROOT / "Makefile").read_text()
    extras = re.search(r"^EXTRAS := (\S+)$", makefile, re.M).group(1)
    pip = next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
    assert f"--editable .[{extras}]" in pip
    assert "--constraint constraints.txt" in pip
    python = next(entry for entry in conda["dependencies"] if str(entry).startswith("python="))
    tried = re.search(r"^PYTHONS := (.+)$", makefile, re.M).group(1).split()
    assert python.replace("=", "") == tried[0]
    wanted = SpecifierSet(PROJECT["requires-python"])
    assert all(wanted.contains(f"{one.removeprefix('python')}.2") for one in tried if one != "python3")


#: What Debian 12 has, Ubuntu 24.04 and Debian 13; the oldest could not have the versions that were pinned.
@pytest.mark.parametrize("version", ["3.11.2", "3.12", "3.13"])
def test_the_pinned_versions_fit_every_python_that_is_promised(version: str, tmp_path: Path) -> None:
    """One set of versions for all of them, each with a wheel; asked of the resolver, so skipped without a network."""
    extras = re.search(r"^EXTRAS := (\S+)$", (ROOT / "Makefile").read_text(), re.M).group(1).split(",")
    line = [Path(sys.executable).with_name("uv"), "pip", "compile", "pyproject.toml", "--constraint", "constraints.txt"]
    line += [word for extra in extras for word in ("--extra", extra)]
    line += ["--python-version", version, "--only-binary", ":all:", "--quiet", "--output-file", tmp_path / "found.txt"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if "No solution" not in done.stderr and done.returncode:
        pytest.skip(f"no package index can be reached: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr


def _imported() -> set[tuple[str, str]]:
    """Return every outside package that is imported, with the key of ``EXTRAS_OF`` for the folder that imports it."""
    owners, found = packages_distributions(), set()
    ours = {*sys.stdlib_module_names, *NOT_PACKAGES, "labs", "provisioning", "grading"}
    sources = [path for folder in EXTRAS_OF if "/" not in folder for path in (ROOT / folder).rglob("*.py")]
    for path in sources:
        name = path.relative_to(ROOT).as_posix()
        folder = next(folder for folder in EXTRAS_OF if name.startswith(folder + "/"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            for top in {module.split(".")[0] for module in modules} - ours:
                # Some files run alone, with their neighbours on the path: in Triton, or as a kernel starts.
                if not path.with_name(f"{top}.py").is_file():
                    found.add((folder, canonicalize_name(owners.get(top, [top])[0])))
    return found


def test_what_a_room_imports_is_declared_for_it() -> None:
    """Whoever installs only what a room needs can import all of it."""
    declared = {
        folder: {canonicalize_name(r.name) for extra, r in DECLARED if extra in EXTRAS_OF[folder]}
        for folder in EXTRAS_OF
    }
    # Scripts that run in an environment of their own import what is pinned there.
    pinned = [line for one in environments().values() for line in (one.wheel, *one.requirements)]
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


def test_onnx_runtime_wheels_never_share_an_environment() -> None:
    """At most one of them in the package's own environment: they overwrite each other's files."""
    assert ONNX_RUNTIMES & {canonicalize_name(r.name) for _, r in DECLARED} == {"onnxruntime"}


def test_the_light_install_has_no_framework() -> None:
    """What Chameleon's small Jupyter installs (base and provisioning) brings none of the heavy packages."""
    light = {canonicalize_name(r.name) for extra, r in DECLARED if extra in ("", "provisioning")}
    assert not light & ({"torch", "torchvision", "openvino", "nncf", "jupyterlab", "scipy"} | ONNX_RUNTIMES)


def test_tests_that_belong_together_run_on_one_worker(request: pytest.FixtureRequest) -> None:
    """pytest-xdist reads a test's group from its name: where it is not there, files share no fixtures, in silence."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("all tests run in one process")
    assert request.node.nodeid.endswith("@test_environment.py")
