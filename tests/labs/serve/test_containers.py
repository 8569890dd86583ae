"""Page and service in containers, as far as they go without Docker.

Compose reads its files. Every file that an image copies is there, and every package that its
program imports is installed.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from grading.builder.repository import write_programs
from labs.course.lessons import lesson
from labs.workspace import PROJECT_DIR
from tests.emulation.dockerfile import instructions
from tests.tools import tool

FOLDER = PROJECT_DIR / "labs" / "serve" / "containers"
COMPOSE = FOLDER / "compose.yaml"

#: Packages whose modules have another name; FastAPI is built on Starlette and brings it.
PACKAGES = {"PIL": "pillow", "fastapi_offline": "fastapi-offline", "starlette": "fastapi"}


def composed(*names: str) -> dict:
    """Return services as Compose itself reads them from some of its files, by name."""
    files = [f"--file={FOLDER / name}" for name in names]
    command = [tool("docker-compose"), *files, "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["services"]


def test_compose_reads_the_files_that_the_lesson_names():
    """Each is in the lesson's command; the second one gives the service a GPU and another build of
    ONNX Runtime, and changes nothing else.
    """
    text = (lesson("gpus").folder / "lesson.py").read_text(encoding="utf-8")
    assert 'files="--file compose.yaml --file gpu.yaml"' in text
    plain = composed("compose.yaml")
    on_gpu = composed("compose.yaml", "gpu.yaml")
    assert on_gpu["page"] == plain["page"]
    (device,) = on_gpu["service"].pop("deploy")["resources"]["reservations"]["devices"]
    assert device["device_ids"] == ["0"]
    assert "onnxruntime-gpu" in on_gpu["service"]["build"].pop("args")["ONNXRUNTIME"]
    assert on_gpu["service"] == plain["service"]


@pytest.mark.parametrize("name", ["service", "page"])
def test_a_container_is_reached_from_its_machine_alone_and_can_change_nothing(name: str):
    """Its user is not root, its files are read-only, and a health check watches it."""
    service = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"][name]
    assert [port for port in service["ports"] if not port.startswith("127.0.0.1:")] == []
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"]
    assert all(volume.endswith(":ro") for volume in service.get("volumes", []))
    assert service["healthcheck"]["test"]
    written = dict(instructions(FOLDER / service["build"]["dockerfile"]))
    assert written["USER"] not in ("0", "root")


@pytest.fixture(scope="module")
def contexts(tmp_path_factory) -> dict[str, Path]:
    """Return the folders that the images copy from: a student's written app, and the course."""
    folder = tmp_path_factory.mktemp("programs") / "http"
    write_programs("http", folder)
    return {"app": folder, "course": PROJECT_DIR}


@pytest.mark.parametrize("name", ["service", "page"])
def test_an_image_holds_what_its_program_imports(name: str, contexts: dict[str, Path]):
    """The files that it copies are there, and the packages of all modules are among pip's."""
    dockerfile = FOLDER / f"{name}.Dockerfile"
    assert subprocess.run([tool("hadolint"), dockerfile], check=False).returncode == 0
    installed: set[str] = set()
    copied: list[Path] = []
    for instruction, text in instructions(dockerfile):
        words = text.split()
        if instruction == "RUN":
            installed |= {"onnxruntime" if word.startswith("$") else word for word in words}
        if instruction == "COPY":
            context = contexts[words.pop(0).removeprefix("--from=")]
            sources = [word for word in words[:-1] if not word.startswith("--")]
            copied += [context / source for source in sources]
    assert [path for path in copied if not path.exists()] == []
    if name == "page":
        modules = _modules_of_the_page()
        assert all(any(path.is_relative_to(part) for part in copied) for path in modules)
    else:
        modules = copied
    imported = {PACKAGES.get(module, module) for path in modules for module in _imports(path)}
    assert imported <= installed


def _modules_of_the_page() -> list[Path]:
    """Return the course's files that the page's process imports."""
    code = (
        "import json, sys, labs.serve.page.app; "
        "own = [m for n, m in sys.modules.items() if n.partition('.')[0] == 'labs']; "
        "print(json.dumps([m.__file__ for m in own]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_DIR, capture_output=True, text=True, check=True
    )
    return [Path(path) for path in json.loads(done.stdout)]


def _imports(path: Path) -> set[str]:
    """Return the packages that a module imports as it is loaded, without the language's own, the
    course's and its neighbours.
    """
    statements = ast.parse(path.read_text(encoding="utf-8")).body
    names: set[str] = set()
    for statement in statements:
        if isinstance(statement, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            names.add((statement.module or "").partition(".")[0])
    neighbours = {other.stem for other in path.parent.glob("*.py")}
    return names - sys.stdlib_module_names - neighbours - {"labs"}
