"""A device's container, when things go wrong: a clear end, and the same call resumes; with either python-chi."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def found(rehearsal, chi_python):
    return rehearsal.run("edge_faults", "eve", python=chi_python)


def test_an_image_for_another_processor_ends_in_error_and_says_why(found):
    """The service's own reason, the likely mistake and the way out; the container is left to be looked at."""
    kind, text, _ = found["wrong image"]
    assert kind == "ServerFailedError"
    assert "exec format error" in text
    assert "not for arm64" in text
    assert "Way out: Run the step again" in text
    assert found["wrong image, states"] == ["ERROR"]


def test_the_next_run_removes_the_failed_container_and_launches_one(found):
    """Not a second one beside it."""
    assert found["right image"][:2] == ["done", ""]
    assert any("removing container" in line for line in found["right image"][2])
    assert found["right image, states"] == ["RUNNING"]


def test_running_again_finds_the_same_container(found):
    """Where python-chi's own object has lost its id."""
    assert found["again"][:2] == ["done", ""]
    assert found["again, same container"]


def test_a_floating_ip_that_was_taken_away_is_replaced(found):
    """The container stays; the address step alone makes a new one."""
    assert found["address gone"] == [[]]
    assert found["address again"][:2] == ["done", ""]
    assert found["address again, bound"] == [True]


def test_an_upload_that_is_too_large_is_halved_until_it_fits(found):
    """13 MB asked for in one request, which the service refuses; nothing travels twice."""
    assert found["large"] == ["copied", 13 * 2**20, True]
    assert found["large again"] == "was there"


def test_a_job_that_fails_shows_its_last_lines(found):
    """And its exit code, which is what the student's next question would be."""
    assert "exit code 3" in found["job fails"]
    assert "| before" in found["job fails"]


def test_a_container_that_is_gone_ends_clearly_and_is_brought_up_again(found):
    """With a likely reason and a way out, like every error of this room."""
    kind, text = found["fetch from a deleted one"]
    assert kind == "GoneError"
    assert "Likely:  It was deleted meanwhile" in text
    assert "Way out: Run the provisioning notebook again" in text
    assert found["brought up again"][:2] == ["done", ""]


def test_nothing_is_left(found):
    """Neither container nor address nor lease."""
    assert found["left"] == 0
