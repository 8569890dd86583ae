"""environment.yml, pyproject.toml and the constraints say the same thing."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

#: Wheels that overwrite each other's files (microsoft/onnxruntime#26996).
ONNX_RUNTIMES = {"onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-migraphx"}


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
    assert python.removeprefix("python=") in re.search(r"^PYTHON \?= python(\S+)$", makefile, re.M).group(1)
    assert PROJECT["requires-python"] == ">=3.11,<3.12"


def test_the_owners_packages_are_declared_where_they_are_used() -> None:
    """jupyterlab, python-chi, torch, onnxruntime, ipywidgets and pandas are declared; onnxruntime-gpu by its worker."""
    everywhere = {canonicalize_name(r.name) for _, r in DECLARED}
    assert {"jupyterlab", "python-chi", "torch", "onnxruntime", "ipywidgets", "pandas"} <= everywhere
    assert "python-chi" in _requirements(EXTRAS["provisioning"])
    workers = "\n".join(path.read_text() for path in (ROOT / "labs" / "providers").glob("*") if path.is_file())
    assert re.search(r"onnxruntime-gpu==\d", workers)


def test_onnx_runtime_wheels_never_share_an_environment() -> None:
    """At most one of them in the package's own environment: they overwrite each other's files."""
    assert ONNX_RUNTIMES & {canonicalize_name(r.name) for _, r in DECLARED} == {"onnxruntime"}


def test_the_light_install_has_no_framework() -> None:
    """What Chameleon's small Jupyter installs (base and provisioning) brings none of the heavy packages."""
    light = {canonicalize_name(r.name) for extra, r in DECLARED if extra in ("", "provisioning")}
    assert not light & (
        {"torch", "torchvision", "openvino", "nncf", "jupyterlab", "scipy", "matplotlib"} | ONNX_RUNTIMES
    )
