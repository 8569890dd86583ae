"""A student's app as a child process: refused while unwritten, and closed to other users."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests
from uvicorn.config import STARTUP_FAILURE

from grading.builder.repository import write_programs
from labs.deeper.tokens import serving
from labs.deeper.tokens.contract import SERVICES
from labs.runtimes.child import ChildError
from labs.runtimes.opening import RuntimeUnavailableError
from labs.serve.contract.cases import rows
from labs.serve.running import Service
from labs.workspace import WORKSPACE_VARIABLE, programs_dir
from tests.labs.test_workspace import assert_refused_as_missing, assert_refused_as_stub
from tests.test_other_users import Server, assert_closed_to_others, only_root, room

__all__ = ["room"]


def test_an_app_that_still_holds_the_stub_is_named_in_one_sentence():
    """Nothing is started."""
    assert_refused_as_stub("tokens/app.py", serving.start)


def test_an_app_that_is_not_there_is_named_in_one_sentence():
    """The cell that writes it was not run."""
    assert_refused_as_missing("tokens/app.py", serving.start)


@pytest.mark.machine
@pytest.mark.timeout(1800)
def test_the_solved_app_holds_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A supervisor starts it again after a kill."""
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    write_programs("tokens", programs_dir() / "tokens")
    fell = []
    for row in rows(SERVICES["tokens"]):
        print(f"{row.case:<22}{row.verdict:<11}{row.seen}")
        if row.held is False:
            fell.append(row.case)
    assert not fell


@pytest.mark.slow
def test_an_app_that_cannot_be_imported_is_not_tried_again(tmp_path: Path):
    """Its supervisor ends too, and the message shows why."""
    app = tmp_path / "app.py"
    app.write_text("raise ValueError('no soup')\n")
    with pytest.raises(
        ChildError, match=f"status {STARTUP_FAILURE}(?s:.)*no soup"
    ) as failure:
        serving.start(app)
    assert str(failure.value).count("ValueError: no soup") == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("killed", ["app", "model"])
def test_the_app_and_its_model_end_together(killed: str, tmp_path: Path):
    """Whichever is killed, the answer under way breaks off, and both are new afterwards."""
    write_programs("tokens", tmp_path)
    ask = {"prompt": "Soup", "max_tokens": 256, "ignore_eos": True, "stream": True}
    try:
        service = serving.start(tmp_path / "app.py")
    except RuntimeUnavailableError as error:
        pytest.skip(str(error))
    with service:
        before = _pair(service)
        process = before[killed == "model"]
        url = f"{service.url}/v1/completions"
        with requests.post(url, json=ask, stream=True, timeout=60) as reply:
            lines = reply.iter_lines()
            next(lines)
            process.kill()
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                list(lines)
        while not all(map(_has_ended, before)):
            time.sleep(0.05)
        again = ask | {"max_tokens": 2, "stream": False}
        reply = requests.post(url, json=again, timeout=120)
        assert reply.json()["usage"]["completion_tokens"] == 2
        assert not set(before) & set(_pair(service))


def _pair(service: Service) -> list[psutil.Process]:
    """Return a service's app and the model below it, without the tracker of multiprocessing."""
    [supervisor, *_] = service.processes()
    [app] = [child for child in supervisor.children() if child.children()]
    model = max(app.children(), key=lambda child: child.memory_info().rss)
    return [app, model]


def _has_ended(process: psutil.Process) -> bool:
    """Return whether a process computes no more, whether or not somebody has read its status."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def run_tokens(room: Path) -> Iterator[Server]:
    """A student's app that streams words."""
    app = room / "app.py"
    code = "from fastapi import FastAPI\napp = FastAPI()\napp.get('/health')(lambda: 'here')\n"
    app.write_text(code)
    try:
        service = serving.start(app)
    except RuntimeUnavailableError as error:
        pytest.skip(str(error))
    with service:
        yield Server(service.url, readable=["app.py"])


@only_root
def test_another_user_gets_nothing_of_the_app(room: Path):
    """Nothing that it made can be written, no secret can be read."""
    with run_tokens(room) as server:
        assert_closed_to_others(server, room)
