"""The contract's suite, against the course's own services."""

from pathlib import Path

import pytest

from grading.builder.repository import food_classifier
from labs.serve.contract.cases import Target, drain, restart, rows
from labs.serve.contract.interface import photos
from labs.serve.contract.own import SERVICES
from labs.serve.triton.catalogue import ModelRepository
from labs.workspace import WORKSPACE_VARIABLE, programs_dir

# A body that stops is waited for until the service gives it up.
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def models(onnx_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the services find the exported model, and Triton the student's."""
    root = onnx_path.parent / "workspace"
    (root / "models").mkdir(parents=True, exist_ok=True)
    link = root / "models" / onnx_path.name
    if not link.exists():
        link.symlink_to(onnx_path)
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(root))
    ModelRepository(programs_dir() / "repository").write([food_classifier()])


@pytest.mark.slow
@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    "name", ["fastapi", "page", pytest.param("triton", marks=pytest.mark.triton)]
)
def test_the_courses_services_hold_every_case(name: str):
    """The table is printed with ``-rP``."""
    fell = []
    for row in rows(SERVICES[name]):
        print(f"{row.case:<22}{row.verdict:<11}{row.seen}")
        if row.held is not True:
            fell.append(row)
    assert fell == []


def test_an_address_of_somebody_else_is_neither_killed_nor_stopped():
    """The two cases that need its process are not tried."""
    target = Target("http://127.0.0.1:1", photos())
    assert [case(target).verdict for case in (restart, drain)] == ["not tried"] * 2
