"""Zun at CHI@Edge: containers that execute, log, and take archives, as far as python-chi uses
them.
"""

import base64
import io
import shlex
import tarfile

import pytest

from chameleon_rehearsal.limits import Limits
from chameleon_rehearsal.world.clock import CONTAINER_START_S

CONTAINERS = "container/v1/containers"


def create(who, reservation_id, name="pi"):
    body = {
        "name": name,
        "image": "quay.io/jupyter/minimal-notebook",
        "hints": {"reservation": reservation_id},
    }
    return who.send("POST", CONTAINERS, body)


@pytest.fixture
def reserved(student, hand):
    """Mary with an active lease of one Raspberry Pi, and the reservation's id."""
    mary = student(site="edge")
    return mary, mary.leased(hand, "raspberrypi5", hours=2)[1]


@pytest.fixture
def mary(reserved, hand):
    create(*reserved)
    hand.wait(CONTAINER_START_S)
    return reserved[0]


def archive(name: str, content: bytes) -> dict[str, str]:
    """Return the body of an upload: a tar archive with one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as opened:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        opened.addfile(member, io.BytesIO(content))
    return {"data": base64.b64encode(packed.getvalue()).decode()}


def test_it_executes_and_logs_only_when_it_runs(reserved) -> None:
    mary, _ = reserved
    answer = create(*reserved)
    assert (answer.status_code, answer.json()["status"]) == (202, "Creating")
    path = f"{CONTAINERS}/{answer.json()['uuid']}"
    assert mary.send("POST", f"{path}/execute", command="ls", run="True").status_code == 409
    assert mary.send("GET", f"{path}/logs").status_code == 409


def test_stats_are_kubernetes_of_a_container_that_runs(reserved, hand, client) -> None:
    mary, _ = reserved
    create(*reserved)
    path = f"{CONTAINERS}/pi/stats"
    assert mary.send("GET", path).status_code == 409
    hand.wait(CONTAINER_START_S)
    assert mary.send("GET", path).json() == {"cpu": "0n", "memory": "0Ki"}
    job = "sh -c 'setsid sleep 60 >/dev/null 2>&1 &'"
    mary.send("POST", f"{CONTAINERS}/pi/execute", command=job)
    try:
        used = mary.send("GET", path).json()
    finally:
        client.app.state.processes.end_all()
    assert int(used["memory"].removesuffix("Ki")) > 0
    assert int(used["cpu"].removesuffix("n")) >= 0


@pytest.mark.parametrize(
    ("command", "output", "code"),
    [
        ("echo $HOME | wc", "$HOME | wc\n", 0),
        ("sudo -l", "rehearsed, not run: sudo -l\n", 0),
        ("sh -c 'echo out; echo err >&2; exit 3'", "out\nerr\n", 3),
    ],
    ids=[
        "no shell reads it",
        "what cannot run is said",
        "both streams and its exit code are given",
    ],
)
def test_a_command_is_run_as_zun_runs_it(mary, world, command, output, code) -> None:
    answer = mary.send("POST", f"{CONTAINERS}/pi/execute", command=command).json()
    assert (answer["output"], answer["exit_code"]) == (output, code)
    shims = [f"pi: {output.strip()}"] if "rehearsed" in output else []
    assert world.journal.read_text().splitlines() == [
        f"pi: {shlex.join(shlex.split(command))}",
        *shims,
    ]


def test_a_command_begins_where_jupyters_images_do(mary) -> None:
    """In the home, not in the folder `work` that lies in it: public notebooks move files there."""
    run = "sh -c 'pwd; echo $HOME; touch a; mv a work/ && ls work'"
    answer = mary.send("POST", f"{CONTAINERS}/pi/execute", command=run).json()
    where, home, moved = answer["output"].split()
    assert where.endswith("/home/jovyan")
    assert (home, moved, answer["exit_code"]) == (where, "a", 0)


def test_a_command_that_outlasts_the_limit_has_no_exit_code_and_goes_on(mary, world) -> None:
    world.limits = Limits(execute_s=2.0)
    with mary.client:  # one event loop for all requests, as in the rehearsal's process

        def run(command: str) -> tuple[str, int | None]:
            answer = mary.send("POST", f"{CONTAINERS}/pi/execute", command=command).json()
            return answer["output"], answer["exit_code"]

        waits = "sh -c 'echo begun; while ! test -e go; do sleep 0.1; done; rm go'"
        assert run(waits) == ("begun\n", None)
        assert run("touch go") == ("", 0)
        answers = (run("sh -c 'sleep 0.2; test -e go'") for _ in range(50))
        assert ("", 1) in answers


def test_a_program_that_is_missing_is_minus_one(mary) -> None:
    answer = mary.send("POST", f"{CONTAINERS}/pi/execute", command="no-such-program").json()
    assert answer["exit_code"] == -1
    assert "not found" in answer["output"]


def test_a_command_that_makes_the_address_too_long_is_414(mary) -> None:
    for length, status in ((8_000, 200), (8_190, 414)):
        command = f"true {'x' * length}"
        answer = mary.send("POST", f"{CONTAINERS}/pi/execute", command=command)
        assert answer.status_code == status


def names_in(answer) -> list[str]:
    packed = base64.b64decode(answer.json()["data"])
    with tarfile.open(fileobj=io.BytesIO(packed)) as opened:
        return sorted(opened.getnames())


def test_an_archive_stays_in_the_container(mary, world, monkeypatch) -> None:
    """An entry that points outside does not arrive; the answer is 200, since Zun ignores tar's exit
    code.
    """
    put = f"{CONTAINERS}/pi/put_archive"
    outside = archive("../../../../../../escaped", b"x")
    assert mary.send("POST", put, outside, path="/tmp").status_code == 200
    assert not list(world.folder.parent.rglob("escaped"))
    monkeypatch.setattr("chameleon_rehearsal.services.container.UPLOAD_LIMIT_BYTES", 1000)
    assert mary.send("POST", put, archive("big", b"x" * 4000), path="/tmp").status_code == 413


def test_the_fault_of_an_upload_waits_for_one_that_a_proxy_could_refuse(mary, world) -> None:
    """A command's file of a few bytes never is; the fault occurs once."""
    put = f"{CONTAINERS}/pi/put_archive"
    world.faults.arm("upload-cut")
    sizes_and_answers = ((4_000, 200), (2 * 2**20, 413), (2 * 2**20, 200))
    for size_bytes, status in sizes_and_answers:
        upload = archive("file", b"x" * size_bytes)
        assert mary.send("POST", put, upload, path="/tmp").status_code == status


@pytest.mark.parametrize(
    ("folder", "path", "names"),
    [
        pytest.param("/home/jovyan", "/home/jovyan/a.txt", ["a.txt"], id="a file"),
        pytest.param("/home/jovyan/work", "/home/jovyan/work/a.txt", [], id="a file below it"),
        pytest.param("/tmp", "/tmp/a.txt", [], id="a file outside the working folder"),
        pytest.param("/tmp", "/tmp", [".", "./a.txt"], id="a folder"),
        pytest.param("/no/such", "/no/such/a.txt", [], id="a folder that is missing"),
    ],
)
def test_an_archive_holds_what_tar_finds_in_the_container(mary, folder, path, names) -> None:
    """Chameleon's driver reads a file's name in the working folder, and a folder from inside."""
    packed = archive("a.txt", b"weights")
    put = mary.send("POST", f"{CONTAINERS}/pi/put_archive", packed, path=folder)
    got = mary.send("GET", f"{CONTAINERS}/pi/get_archive", path=path)
    assert (put.status_code, got.status_code, names_in(got)) == (200, 200, names)


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("POST", "pi/execute", {"command": "true", "shell": "1"}),
        ("DELETE", "pi", {"force": "True", "foo": "1"}),
        ("POST", "pi/rename", {"name": "a name"}),
        ("GET", "pi/logs", {"lines": "3"}),
    ],
)
def test_a_query_that_zuns_schema_does_not_know_is_400(mary, method, path, query) -> None:
    assert mary.send(method, f"{CONTAINERS}/{path}", **query).status_code == 400
    assert mary.send("GET", f"{CONTAINERS}/pi").json()["status"] == "Running"


def test_a_container_is_found_by_its_new_name(mary) -> None:
    answer = mary.send("POST", f"{CONTAINERS}/pi/rename", name="other")
    assert (answer.status_code, answer.json()["name"]) == (200, "other")
    assert mary.send("GET", f"{CONTAINERS}/other").status_code == 200
    assert mary.send("GET", f"{CONTAINERS}/pi").status_code == 404


@pytest.mark.parametrize(
    ("waits", "asked", "refused"),
    [
        (True, {}, "Cannot delete container {} in Running state"),
        (True, {"stop": "False", "force": "False"}, "Cannot delete container {} in Running state"),
        (True, {"stop": "True"}, None),
        (True, {"force": "True"}, None),
        (False, {}, "Cannot delete container {} in Creating state"),
        (False, {"stop": "True"}, "Cannot delete_after_stop container {} in Creating state"),
        (False, {"force": "True"}, None),
    ],
)
def test_one_that_runs_or_begins_is_not_simply_deleted(
    reserved, hand, waits, asked, refused
) -> None:
    mary, _ = reserved
    uuid = create(*reserved).json()["uuid"]
    hand.wait(CONTAINER_START_S if waits else 0)
    answer = mary.send("DELETE", f"{CONTAINERS}/pi", **asked)
    if refused:
        assert (answer.status_code, refused.format(uuid) in answer.text) == (409, True)
    assert mary.send("GET", f"{CONTAINERS}/pi").status_code == (200 if refused else 404)


def test_a_name_of_two_is_409_and_without_a_device_it_ends_in_error(reserved, hand) -> None:
    mary, reservation = reserved
    ids = [create(mary, given).json()["uuid"] for given in (reservation, None)]
    assert mary.send("GET", f"{CONTAINERS}/pi").status_code == 409
    hand.wait(CONTAINER_START_S)
    first, second = (mary.send("GET", f"{CONTAINERS}/{uuid}").json() for uuid in ids)
    assert (first["status"], second["status"], second["addresses"]) == ("Running", "Error", {})
