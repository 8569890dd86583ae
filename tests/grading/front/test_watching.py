"""The page on a class: who needs somebody stands first, it follows the ledgers, and nobody else can read it."""

from __future__ import annotations

import gzip
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn

from grading.checkpoints import all_checkpoints
from grading.front import watching
from grading.front.watching import Ledgers, Watcher, application, class_page, progress_of
from labs.loopback import listen
from labs.records import Answer
from provisioning.classroom.leases import Whereabouts
from provisioning.testbed import Lease
from provisioning.testbed.errors import ServiceBusyError
from tests.grading.front.conftest import FIXTURES

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def lease(student: str, minutes: float, status: str = "ACTIVE") -> Lease:
    end = NOON + timedelta(minutes=minutes)
    return Lease(student, f"serve-model-{student}", status, end - timedelta(hours=3), end)


ROWS = [
    Whereabouts("ada", "works", lease("ada", 100), ("192.0.2.1",)),
    Whereabouts("bob", "works", lease("bob", 15), ("192.0.2.2",)),
    Whereabouts("cyd", "waits", lease("cyd", 900, "PENDING")),
    Whereabouts("dan", "failed", lease("dan", 120)),
    Whereabouts("eve", "none", None),
]


@pytest.fixture
def homes(tmp_path: Path) -> Path:
    """Return homes as a Hub has them: ada has the recorded part 1, bob three wrong answers, others nothing yet."""
    for name in ("ada", "bob", "cyd"):
        (tmp_path / "homes" / name / "workspace").mkdir(parents=True)
    recorded = gzip.decompress((FIXTURES / "epyc-two-cores.jsonl.gz").read_bytes())
    ledger(tmp_path / "homes", "ada").write_bytes(recorded)
    for _ in range(3):
        answer(tmp_path / "homes", "bob")
    return tmp_path / "homes"


def ledger(homes: Path, name: str) -> Path:
    return homes / name / "workspace" / "ledger.jsonl"


def first_question() -> str:
    """Return the first question that is answered in words."""
    return next(one.id for one in all_checkpoints() if one.kind != "prediction")


def answer(homes: Path, name: str) -> None:
    entry = Answer(first_question(), "not right", "2026-03-02T11:00:00+00:00").to_json()
    with ledger(homes, name).open("a") as file:
        file.write(json.dumps(entry) + "\n")


def known(homes: Path) -> Ledgers:
    return Ledgers(str(homes / "*" / "workspace" / "ledger.jsonl"), [row.student for row in ROWS], 1)


def drawn(rows, progress, trouble=""):
    return class_page(rows, progress, NOON, UTC, title="Part 1", trouble=trouble)


def test_who_needs_somebody_stands_first(homes: Path):
    """A failed machine and three wrong answers before a lease that ends soon, before the rest."""
    text = drawn(ROWS, known(homes).look(60)).text
    names = [line.split()[0] for line in text.splitlines()[3:-1]]
    assert names == ["bob", "dan", "ada", "cyd", "eve"]
    assert "2 works, 1 waits, 1 failed, 1 none; 2 stuck" in text
    (bob,) = (line for line in text.splitlines() if line.startswith("bob"))
    assert "15 min 12:15" in bob
    assert first_question() in bob
    assert "3 answers, none right; the lease ends soon" in bob


def test_silence_while_the_machine_runs_is_said(homes: Path):
    """Nothing new for longer than was asked for; of those who only wait for their block it says nothing."""
    progress = known(homes).look(60)
    later = time.time() + 30 * 60
    page = class_page(ROWS, progress, NOON, UTC, title="x", quiet_min=20, clock_s=lambda: later)
    (ada,) = (line for line in page.text.splitlines() if line.startswith("ada"))
    assert ada.endswith("30 min ago  nothing new while the machine runs")


def test_points_are_those_of_the_students_own_page(homes: Path):
    """The same checks as ``msl status``, on a ledger that is read as the grader reads it."""
    found = progress_of(ledger(homes, "ada"), 1)
    assert found is not None
    assert found.earned > 90


def test_whatever_a_student_puts_there_is_survived(homes: Path, tmp_path: Path):
    """A link, a folder, a file of junk, one that is too large, markup for a name: no exception, nobody else's file."""
    (tmp_path / "secret").write_bytes(ledger(homes, "ada").read_bytes())
    (homes / "cyd" / "workspace" / "ledger.jsonl").symlink_to(tmp_path / "secret")
    (homes / "dan" / "workspace" / "ledger.jsonl").mkdir(parents=True)
    (homes / "eve" / "workspace").mkdir(parents=True)
    ledger(homes, "eve").write_bytes(b"\xff\x00{}\n[[[[\n")
    found = known(homes).look(60)
    assert set(found) == {"ada", "bob", "eve"}
    assert found["eve"].earned == 0
    with ledger(homes, "eve").open("wb") as file:
        file.truncate(100 << 20)
    assert "eve" not in known(homes).look(60)
    odd = Whereabouts("<script>x", "none", None)
    assert "<script>x" not in drawn([odd], {}).html


def test_a_first_look_at_a_large_class_is_spread_out(homes: Path):
    """Those who have not been judged come first, however often the others write."""
    ledgers = known(homes)
    seen = ledgers.look(-1)
    assert seen == {}
    assert set(ledgers.look(60)) == {"ada", "bob"}


@contextmanager
def serving(watcher: Watcher) -> Iterator[str]:
    """Yield the address of a watcher's page, without its token."""
    listening = listen()
    server = uvicorn.Server(uvicorn.Config(application(watcher, "a-secret", "Part 1"), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        watcher.stop()
        thread.join()


@pytest.fixture
def served(homes: Path, monkeypatch: pytest.MonkeyPatch):
    """Return the address of a page that really runs, its watcher, and a list that makes the sites fail."""
    monkeypatch.setattr(watching, "SITES_EVERY_S", 0.1)
    monkeypatch.setattr(watching, "LEDGERS_EVERY_S", 0.1)
    down: list[str] = []

    def where():
        if down:
            raise ServiceBusyError(down[0])
        return ROWS

    with serving(Watcher(where, known(homes), drawn)) as url:
        yield url, down


def get(url: str, host: str = "") -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def until(look, seconds: float = 30.0):
    """Return what ``look`` finds, looking again until it does."""
    end_s = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end_s, "it never came"
        time.sleep(0.05)
    return found


def test_the_page_follows_the_class(served, homes: Path):
    """A ledger that grows and a site that goes down are on the page without anybody asking again; else 204."""
    url, down = served
    assert "<table" in get(f"{url}/?token=a-secret")[1]
    until(lambda: first_question() in get(f"{url}/text?token=a-secret")[1])

    def state(stamp=""):
        return get(f"{url}/state?token=a-secret&stamp={stamp}")

    before = until(lambda: (one := state())[0] == 200 and state(json.loads(one[1])["stamp"])[0] == 204 and one)
    ledger(homes, "cyd").write_bytes(ledger(homes, "bob").read_bytes())
    after = until(lambda: (one := state())[1] != before[1] and one)
    assert json.loads(after[1])["html"].count(first_question()) == 2
    down.append("CHI@TACC is in maintenance")
    until(lambda: "CHI@TACC is in maintenance" in state()[1])
    assert "ada" in state()[1]


def test_nobody_else_can_read_it(served):
    """Without the secret, with another one, and from a page whose foreign name leads here."""
    url, _ = served
    for path in ("/", "/state", "/text"):
        for query in ("", "?token=", "?token=a-secre", "?token=%C3%A9"):
            code, said = get(f"{url}{path}{query}")
            assert code == 403
            assert "ada" not in said
    assert get(f"{url}/?token=a-secret", host="evil.example")[0] == 421
    assert get(f"{url}/?token=a-secret", host="localhost")[0] == 200
