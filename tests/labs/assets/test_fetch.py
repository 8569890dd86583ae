"""Downloads end in the right file or in an error that says why, against a real server that misbehaves."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path

import httpx
import pytest

from labs.assets import DownloadError, IntegrityError, SpaceError, UnsafeFileError
from labs.assets.fetch import Expected, Policy, download, refuse_downgrade

CONTENT = os.urandom(600_000)
PINNED = Expected(sha256=hashlib.sha256(CONTENT).hexdigest())
QUICK = Policy(first_wait_s=0.0, max_wait_s=0.0, reserve_bytes=0)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return where downloads go."""
    return tmp_path / "downloads" / "food11.onnx"


def fetch(server, target: Path, expected: Expected = PINNED, policy: Policy = QUICK, progress=None):
    """Fetch the server's only file."""
    server.files.setdefault("/food11.onnx", CONTENT)
    return download(server.url("/food11.onnx"), target, expected, policy, progress)


def leftovers(target: Path) -> list[str]:
    """Return what lies in the download folder."""
    return sorted(path.name for path in target.parent.iterdir())


def test_a_good_download_has_all_hashes_and_leaves_nothing_else(server, target) -> None:
    """The file is there, its hashes are right, and progress ends at its size."""
    steps = []
    found = fetch(server, target, progress=lambda done, total: steps.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert found.sha256 == PINNED.sha256
    assert found.git_blob == hashlib.sha1(b"blob 600000\0" + CONTENT).hexdigest()
    assert steps[-1] == (600_000, 600_000)
    assert leftovers(target) == ["food11.onnx"]


def test_a_broken_connection_goes_on_where_it_broke(server, target) -> None:
    """The second request asks only for the rest."""
    server.faults = [("drop", 400_000)]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    first, second = server.ranges
    assert first is None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 400_000


def test_a_later_call_goes_on_with_what_is_kept(server, target) -> None:
    """After giving up, the bytes stay and the next call uses them."""
    server.faults = [("drop", 300_000)]
    with pytest.raises(DownloadError, match="run the same command again"):
        fetch(server, target, policy=Policy(tries=1, reserve_bytes=0))
    assert not target.exists()
    assert leftovers(target) == ["food11.onnx.partial"]
    kept_bytes = target.with_name("food11.onnx.partial").stat().st_size
    assert kept_bytes > 0
    fetch(server, target)
    assert server.ranges[-1] == f"bytes={kept_bytes}-"
    assert target.read_bytes() == CONTENT


def test_a_stalled_server_is_left_and_asked_again(server, target) -> None:
    """Silence in the middle of a body counts as a broken connection."""
    server.faults = [("stall", 300_000)]
    fetch(server, target, policy=Policy(first_wait_s=0.0, reserve_bytes=0, read_timeout_s=2.0))
    assert target.read_bytes() == CONTENT
    assert server.ranges[1] is not None


def test_a_file_that_changed_meanwhile_is_fetched_anew(server, target) -> None:
    """A server that sends all of the new file replaces the old half."""
    new = os.urandom(500_000)
    server.faults = [("drop", 400_000), ("change", new)]
    fetch(server, target, Expected(sha256=hashlib.sha256(new).hexdigest()))
    assert target.read_bytes() == new


def test_halves_that_do_not_fit_are_fetched_anew_once(server, target) -> None:
    """The hash shows that the file changed between the halves."""
    new = os.urandom(600_000)
    server.faults = [("drop", 400_000)]
    with pytest.raises(DownloadError):
        fetch(server, target, policy=Policy(tries=1, reserve_bytes=0))
    server.files["/food11.onnx"] = new
    fetch(server, target, Expected(sha256=hashlib.sha256(new).hexdigest()))
    assert target.read_bytes() == new
    assert [bool(asked) for asked in server.ranges] == [False, True, False]


def test_without_a_hash_nothing_is_joined(server, target) -> None:
    """When a wrong join could not be noticed, the file is fetched from its start."""
    server.faults = [("drop", 400_000)]
    fetch(server, target, Expected())
    assert server.ranges == [None, None]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("fault", [("ignore range",), ("other place",), ("status", 503)])
def test_a_server_that_is_bad_at_ranges_still_delivers(server, target, fault) -> None:
    """Whatever the server makes of the range, the file is right in the end."""
    server.faults = [("drop", 400_000), fault]
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_everything_here_already_needs_no_body(server, target) -> None:
    """A program that died between the last byte and the renaming goes on from 416."""
    server.faults = [("drop", 400_000)]
    with pytest.raises(DownloadError):
        fetch(server, target, policy=Policy(tries=1, reserve_bytes=0))
    target.with_name("food11.onnx.partial").write_bytes(CONTENT)
    fetch(server, target)
    assert server.ranges[-1] == "bytes=600000-"
    assert len(server.seen) == 2
    assert target.read_bytes() == CONTENT


def test_a_part_that_nobody_asked_for_is_asked_again(server, target) -> None:
    """A server that begins elsewhere with the very first answer finds nothing here to join."""
    server.files["/food11.onnx"] = CONTENT
    server.faults = [("unasked part",)]
    fetch(server, target)
    assert server.ranges == [None, None]
    assert target.read_bytes() == CONTENT


def test_too_much_kept_is_thrown_away(server, target) -> None:
    """When more is here than the server has, 416 leads to a fresh start."""
    server.faults = [("drop", 400_000)]
    with pytest.raises(DownloadError):
        fetch(server, target, policy=Policy(tries=1, reserve_bytes=0))
    target.with_name("food11.onnx.partial").write_bytes(CONTENT + b"more")
    fetch(server, target)
    assert server.ranges == [None, "bytes=600004-", None]
    assert target.read_bytes() == CONTENT


def test_another_address_of_the_same_file_goes_on(server, target) -> None:
    """A mirror can deliver the rest: the hash says what the file is."""
    server.faults = [("drop", 400_000)]
    with pytest.raises(DownloadError):
        fetch(server, target, policy=Policy(tries=1, reserve_bytes=0))
    server.files["/other.onnx"] = CONTENT
    download(server.url("/other.onnx"), target, PINNED, QUICK)
    assert [bool(asked) for asked in server.ranges] == [False, True]
    assert target.read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server, target) -> None:
    """500 and 429 pass."""
    server.faults = [("status", 500), ("status", 429, {"Retry-After": "7"})]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    assert len(server.seen) == 3


def test_the_wait_is_the_one_that_the_server_asks_for(server, target, monkeypatch) -> None:
    """Retry-After is honoured up to the limit, and waits grow."""
    waits = []
    monkeypatch.setattr("labs.assets.fetch.time.sleep", waits.append)
    server.faults = [("status", 503, {"Retry-After": "7"}), ("status", 503), ("status", 503, {"Retry-After": "900"})]
    fetch(server, target, policy=Policy(first_wait_s=1.0, max_wait_s=30.0, reserve_bytes=0))
    assert waits == [7.0, 14.0, 30.0]


def test_a_server_that_never_recovers_is_given_up(server, target) -> None:
    """The error names the last answer."""
    server.faults = [("status", 500)] * 9
    with pytest.raises(DownloadError, match=r"5 tries .*500 Internal Server Error"):
        fetch(server, target)
    assert len(server.seen) == 5


def test_nobody_listening_is_said(target) -> None:
    """A port without a server gives an error about the connection, not a traceback of the client."""
    with pytest.raises(DownloadError, match="ConnectError"):
        download("http://127.0.0.1:9/food11.onnx", target, PINNED, QUICK)


@pytest.mark.parametrize(("status", "words"), [(404, "typing mistake"), (403, "expired"), (401, "login")])
def test_a_refusal_is_not_repeated(server, target, status: int, words: str) -> None:
    """What will not get better is asked once, and the likely reason is named."""
    server.faults = [("status", status)] * 3
    with pytest.raises(DownloadError, match=words):
        fetch(server, target)
    assert len(server.seen) == 1


def test_a_share_page_is_recognized(server, target) -> None:
    """A web page where a file should be is the usual sign of a share link."""
    server.faults = [("page",)]
    with pytest.raises(DownloadError, match="share links"):
        fetch(server, target)


def test_corrupted_bytes_are_found_and_deleted(server, target) -> None:
    """One flipped bit is enough."""
    server.faults = [("corrupt",)]
    with pytest.raises(IntegrityError, match="not the promised one"):
        fetch(server, target)
    assert leftovers(target) == []


def test_a_wrong_git_blob_is_found(server, target) -> None:
    """The blob id pins a file just as SHA-256 does."""
    with pytest.raises(IntegrityError, match="git blob id"):
        fetch(server, target, Expected(git_blob="0" * 40))
    fetch(server, target, Expected(git_blob=hashlib.sha1(b"blob 600000\0" + CONTENT).hexdigest()))
    assert target.read_bytes() == CONTENT


def test_fewer_bytes_than_promised_are_never_a_file(server, target) -> None:
    """A length that is too large is a broken connection each time, with or without a hash."""
    server.faults = [("wrong length", 5)] * 20
    with pytest.raises(DownloadError, match=r"5 tries.*with its SHA-256 configured"):
        fetch(server, target, Expected())
    assert not target.exists()


def test_a_short_length_with_a_known_hash_is_found(server, target) -> None:
    """A length that is too small cuts the file, and the hash shows it."""
    server.faults = [("wrong length", -5)]
    with pytest.raises(IntegrityError):
        fetch(server, target)


def test_no_length_needs_a_hash(server, target) -> None:
    """A body that ends with the connection is complete only when a hash says so."""
    server.faults = [("no length",)]
    with pytest.raises(DownloadError, match="configure its SHA-256"):
        fetch(server, target, Expected())
    server.faults = [("no length",)]
    fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_compressed_transfer_is_refused(server, target) -> None:
    """Bytes that are not the file's own cannot be resumed or compared."""
    server.faults = [("encoded",)]
    with pytest.raises(DownloadError, match="content-encoding"):
        fetch(server, target)
    assert server.seen[0][1]["accept-encoding"] == "identity"


def test_redirects_are_followed_but_not_for_ever(server, target) -> None:
    """One redirect leads to the file; a circle ends in an error."""
    server.files["/here.onnx"] = CONTENT
    server.faults = [("redirect", server.url("/here.onnx"))]
    fetch(server, target)
    assert target.read_bytes() == CONTENT
    # More than all tries together could follow: a dropped connection in between must not end the circle.
    server.faults = [("redirect", server.url("/food11.onnx"))] * 100
    with pytest.raises(DownloadError, match="redirects"):
        fetch(server, target)


def test_a_redirect_to_another_protocol_is_refused(server, target) -> None:
    """Only http and https carry files here."""
    server.faults = [("redirect", "ftp://127.0.0.1/food11.onnx")]
    with pytest.raises(DownloadError, match="cannot be fetched"):
        fetch(server, target)
    assert len(server.seen) == 1


@pytest.mark.parametrize("fault", [None, ("no length",)])
def test_a_file_that_is_too_large_is_refused(server, target, fault) -> None:
    """By the stated length before the body, or by counting when no length is stated."""
    server.faults = [fault]
    with pytest.raises(UnsafeFileError, match="larger than"):
        fetch(server, target, policy=Policy(max_bytes=100_000, reserve_bytes=0))
    assert not target.exists()


def test_a_full_disk_is_noticed_before_the_body(server, target, monkeypatch) -> None:
    """Room is asked for the rest of the download, for unpacking and for the reserve."""
    usage = shutil.disk_usage(target.parents[1])
    monkeypatch.setattr("labs.assets.space.shutil.disk_usage", lambda _: usage._replace(free=1_250_000))
    with pytest.raises(SpaceError, match=r"SERVING_LABS_CACHE"):
        fetch(server, target, policy=Policy(unpacked_ratio=1.0, reserve_bytes=60_000))
    fetch(server, target, policy=Policy(unpacked_ratio=1.0, reserve_bytes=40_000))
    assert target.exists()


def test_a_disk_that_fills_up_meanwhile_is_said(server, target, monkeypatch) -> None:
    """The system's own 'no space left' becomes the same error."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("labs.assets.fetch.os.fsync", full)
    with pytest.raises(SpaceError, match="the disk is full"):
        fetch(server, target)


def test_tokens_in_an_address_are_not_repeated(server, target) -> None:
    """An error does not hold what may be a secret."""
    url = server.url("/food11.onnx?token=secret").replace("http://", "http://user:secret@")
    server.files["/food11.onnx?token=secret"] = CONTENT
    server.faults = [("drop", 400_000), ("status", 404)]
    with pytest.raises(DownloadError) as failure:
        download(url, target, PINNED, QUICK)
    assert "secret" not in str(failure.value)


def _reached_over(*addresses: str) -> httpx.Response:
    """Return an answer that was reached over these addresses; loopback has no https."""
    *before, last = [httpx.Request("GET", address) for address in addresses]
    response = httpx.Response(200, request=last)
    response.history = [httpx.Response(302, request=request) for request in before]
    return response


def test_no_way_leaves_https() -> None:
    """Anybody between here and there could replace the file, also when the last step is safe again."""
    for fine in (
        ["https://a/f"],
        ["http://a/f", "https://a/f"],
        ["https://a/f", "https://b/f"],
        ["http://a/f", "http://b/f"],
    ):
        refuse_downgrade(_reached_over(*fine))
    for bad in (["https://a/f", "http://a/f"], ["http://a", "https://a", "http://b", "https://b"]):
        with pytest.raises(UnsafeFileError, match="from https to http"):
            refuse_downgrade(_reached_over(*bad))
