"""The contract's suite, against the course's own services and Triton's own address."""

from pathlib import Path

import pytest

from grading.builder.repository import food_classifier
from labs.serve.contract.__main__ import running
from labs.serve.contract.cases import Target, drain, restart, rows
from labs.serve.contract.exchange import ask
from labs.serve.contract.interface import interface_of, photos
from labs.serve.contract.own import SERVICES
from labs.serve.triton import server
from labs.serve.triton.catalogue import ModelRepository, food_palette
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


#: What Triton 24.10 cannot hold by itself: it answers broken JSON with 500, limits neither the
#: bytes nor the seconds of a body, ends after many short chunks, and leaves a dead model dead.
TRITONS_HOLES = {
    "bad bodies",
    "errors",
    "one-byte chunks",
    "huge JSON",
    "many bodies at once",
    "a body that stops",
    "restart after a kill",
}


@pytest.mark.slow
@pytest.mark.triton
@pytest.mark.usefixtures("models")
def test_tritons_own_address_has_the_holes_that_the_page_closes():
    """It is started again after a case that ends it, so that each case has its row."""
    verdicts = {}
    for row in rows(SERVICES["tritonserver"]):
        print(f"{row.case:<22}{row.verdict:<11}{row.seen}")
        verdicts[row.case] = row.verdict
    assert len(verdicts) == 14
    assert {case for case in TRITONS_HOLES if verdicts[case] != "fell"} == set()
    # The others depend on the machine's speed, or hold.
    held = ("unknown parameters", "HTTP/1.0", "keep-alive")
    assert [verdicts[case] for case in held] == ["held"] * 3


@pytest.mark.slow
@pytest.mark.triton
def test_an_address_of_a_triton_may_name_the_model_and_may_end(tmp_path, monkeypatch):
    """Another model than the course's classifiers answers; after the case that ends Triton, the
    suite says so.
    """
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path / "workspace"))
    repository = ModelRepository(tmp_path / "models")
    with server.start([food_palette()], repository=repository, within_s=180) as triton:
        with pytest.raises(ValueError, match="/v2/models/NAME"):
            interface_of(triton.url)
        address = f"{triton.url}/v2/models/food_palette"
        interface = interface_of(address)
        reply = ask(address, "POST", interface.path, interface.good)
        assert interface.answer_of(reply) == reply.json()["outputs"][0]["data"][0]
        seen = [(row.case, row.verdict) for row in rows(running(address))]
    assert seen[-2:] == [("one-byte chunks", "fell"), ("the next cases", "not tried")]


def test_an_address_of_somebody_else_is_neither_killed_nor_stopped():
    """The two cases that need its process are not tried."""
    target = Target("http://127.0.0.1:1", photos())
    assert [case(target).verdict for case in (restart, drain)] == ["not tried"] * 2
