"""Zun at CHI@Edge: containers that execute, log, and take archives, as far as python-chi uses them."""

import base64
import io
import shlex
import tarfile

import pytest

from provisioning.rehearsal.world.clock import CONTAINER_START_S

CONTAINERS = "container/v1/containers"


def create(who, reservation_id, name="c"):
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
    with tarfile.open(fileobj=packed, mode="w") as made:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        made.addfile(member, io.BytesIO(content))
    return {"data": base64.b64encode(packed.getvalue()).decode()}


def test_it_executes_and_logs_only_when_it_runs(reserved) -> None:
    mary, _ = reserved
    made = create(*reserved)
    assert (made.status_code, made.json()["status"]) == (202, "Creating")
    path = f"{CONTAINERS}/{made.json()['uuid']}"
    assert mary.send("POST", f"{path}/execute", command="ls", run="True").status_code == 409
    assert mary.send("GET", f"{path}/logs").status_code == 409


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
    answer = mary.send("POST", f"{CONTAINERS}/c/execute", command=command).json()
    assert (answer["output"], answer["exit_code"]) == (output, code)
    shims = [f"c: {output.strip()}"] if "rehearsed" in output else []
    assert world.journal.read_text().splitlines() == [
        f"c: {shlex.join(shlex.split(command))}",
        *shims,
    ]


def test_an_archive_stays_in_the_container(mary, world, monkeypatch) -> None:
    put = f"{CONTAINERS}/c/put_archive"
    assert (
        mary.send(
            "POST", put, archive("model.onnx", b"weights"), path="/no/such/folder"
        ).status_code
        == 404
    )
    assert (
        mary.send("POST", put, archive("../../../../../../escaped", b"x"), path="/tmp").status_code
        == 400
    )
    assert not list(world.folder.parent.rglob("escaped"))
    monkeypatch.setattr("provisioning.rehearsal.services.container.UPLOAD_LIMIT_BYTES", 1000)
    assert mary.send("POST", put, archive("big", b"x" * 4000), path="/tmp").status_code == 413


def test_one_that_runs_must_be_stopped_or_forced_to_be_deleted(mary) -> None:
    assert mary.send("DELETE", f"{CONTAINERS}/c").status_code == 409
    assert mary.send("DELETE", f"{CONTAINERS}/c", force="True").status_code == 204
    assert mary.send("GET", f"{CONTAINERS}/c").status_code == 404


def test_a_name_of_two_is_409_and_without_a_device_it_ends_in_error(reserved, hand) -> None:
    mary, reservation = reserved
    ids = [create(mary, given).json()["uuid"] for given in (reservation, None)]
    assert mary.send("GET", f"{CONTAINERS}/c").status_code == 409
    hand.wait(CONTAINER_START_S)
    first, second = (mary.send("GET", f"{CONTAINERS}/{uuid}").json() for uuid in ids)
    assert (first["status"], second["status"], second["addresses"]) == ("Running", "Error", {})
