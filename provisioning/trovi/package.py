"""The course as one archive for Trovi: the student's files, the crate, and a light list of packages."""

from __future__ import annotations

import re
import shutil
import tempfile
import tomllib
from pathlib import Path

from provisioning.archive import Archive, build_archive, commit_date_s, source, student_files
from provisioning.trovi import crate

#: What Chameleon gives a user's Jupyter: half a core, 1 GB of memory, 512 MB of storage.
STORAGE_LIMIT_BYTES = 512 * 2**20
#: Packages that would not fit there, or would fill its memory; they belong on the machines.
TOO_HEAVY = frozenset(
    "torch torchvision torchaudio onnxruntime onnxruntime-gpu onnxruntime-openvino openvino nncf onnxscript "
    "tensorflow tensorrt jupyterlab triton nvidia-pytriton netron matplotlib".split()
)

_HEADER = """\
# Chameleon's Jupyter installs this at each start of its server: only what reserving, provisioning and rehearsing need.
# JupyterLab and the kernel are there already; everything heavy is installed on the machines.
"""

#: The course itself, so that a notebook in any folder can import it. pip reads the path from where it runs, and
#: Chameleon runs it in the folder that holds the list.
#: Source: the start-up script of Chameleon's single-user image (`setup_experiment_server`).
_ITSELF = "--editable .\n"


def light_requirements(project: Path) -> str:
    """Return the text of the archive's ``requirements.txt``: base packages, those for provisioning, the course itself.

    Raises:
        ValueError: one of them is too heavy for Chameleon's Jupyter.
    """
    with project.open("rb") as stream:
        table = tomllib.load(stream)["project"]
    extras = table["optional-dependencies"]
    # The rehearsal as well: lesson 01 orders failures, which nobody can do on Chameleon itself.
    wanted = [*table["dependencies"], *extras["provisioning"], *extras.get("rehearsal", [])]
    heavy = [line for line in wanted if re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0].lower() in TOO_HEAVY]
    if heavy:
        raise ValueError(f"too heavy for Chameleon's Jupyter (1 GB of memory): {', '.join(heavy)}")
    return _HEADER + "".join(f"{line}\n" for line in sorted(wanted, key=str.lower)) + _ITSELF


def problems(root: Path, known_tags: tuple[str, ...] | None = None) -> list[str]:
    """Return what keeps the course from being published; an empty list when nothing does.

    Args:
        root: the repository.
        known_tags: Trovi's; None skips that check.
    """
    found = []
    description = root / crate.FILE_NAME
    if not description.exists():
        found.append(f"{crate.FILE_NAME} is missing at the root")
    else:
        found += [f"{crate.FILE_NAME}: {line}" for line in crate.problems(crate.read(description), known_tags)]
    try:
        files = student_files(root)
        size_bytes = sum((root / name).stat().st_size for name in files)
        if size_bytes > STORAGE_LIMIT_BYTES // 2:
            found.append(f"{size_bytes / 2**20:.0f} MB of files; Chameleon's Jupyter has 512 MB for them and packages")
        if not any(name.endswith(".ipynb") for name in files):
            found.append("no notebook is in the archive")
        light_requirements(root / "pyproject.toml")
    except (ValueError, OSError, KeyError) as error:
        found.append(str(error))
    return found


def build(root: Path, target: Path) -> Archive:
    """Write the archive and return it.

    Args:
        root: the repository.
        target: the archive; its folder is made when needed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    files = [name for name in student_files(root) if name != "requirements.txt"]
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder)
        for name in files:
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source(root, name), staged / name)
        (staged / "requirements.txt").write_text(light_requirements(root / "pyproject.toml"), encoding="utf-8")
        return build_archive(staged, [*files, "requirements.txt"], target, commit_date_s(root))
