"""A student's app as a child process: refused while unwritten, and closed to other users."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grading.builder.repository import write_programs
from labs.deeper.tokens import serving
from labs.deeper.tokens.contract import SERVICES
from labs.runtimes.opening import RuntimeUnavailableError
from labs.serve.contract.cases import rows
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
def test_the_solved_app_holds_the_contract_but_for_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is one process, and nobody starts it again."""
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    write_programs("tokens", programs_dir() / "tokens")
    fell = set()
    for row in rows(SERVICES["tokens"]):
        print(f"{row.case:<22}{row.verdict:<11}{row.seen}")
        if row.held is False:
            fell.add(row.case)
    assert fell == {"restart after a kill"}


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
