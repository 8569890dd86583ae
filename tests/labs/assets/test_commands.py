"""The commands print what a reader needs, and end with the right status."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from labs.__main__ import app
from labs.assets import manifest


@pytest.fixture(autouse=True)
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an assets folder that carries one model."""
    root = tmp_path / "assets"
    (root / "models").mkdir(parents=True)
    (root / "models/tiny.safetensors").write_bytes(b"weights")
    model = {
        "path": "models/tiny.safetensors",
        "sha256": hashlib.sha256(b"weights").hexdigest(),
        "size_bytes": 7,
    }
    (root / "manifest.json").write_text(json.dumps({"models": {"tiny": model}}))
    monkeypatch.setattr(manifest, "ASSETS_DIR", root)
    monkeypatch.setenv("COLUMNS", "200")
    return root


@pytest.fixture
def published(server, food11_zip, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Put a small Food-11 on the server, configure its address, and return the archive."""
    server.files["/food11.zip"] = food11_zip()
    monkeypatch.setenv("SERVING_LABS_URL_FOOD11", server.url("/food11.zip"))
    return server.files["/food11.zip"]


def run(*words: str) -> Result:
    """Run `python -m labs assets …` in this process."""
    return CliRunner().invoke(app, ["assets", *words])


def row(listing: Result, name: str) -> str:
    """Return a listing's line about an asset."""
    return next(line for line in listing.output.splitlines() if line.split()[:1] == [name])


def test_the_list_tells_where_everything_is(published: bytes, cache: Path) -> None:
    """Carried, to be fetched, without address; and after fetching, in the cache."""
    listing = run("list")
    assert "comes with the checkout" in row(listing, "tiny")
    assert "to be fetched from http://127.0.0.1" in row(listing, "food11")
    assert "no address set" in row(listing, "food11-mobilenetv2")
    assert str(cache) in listing.output.replace("\n", "")
    assert run("fetch", "food11").exit_code == 0
    assert "recorded at first fetch" in row(run("list"), "food11")


def test_fetch_prints_the_path_and_what_was_trusted(published: bytes, cache: Path) -> None:
    """The last words are the hash to configure."""
    fetched = run("fetch", "food11")
    assert fetched.exit_code == 0, fetched.output
    first, second = fetched.stdout.splitlines()
    assert Path(first) == cache / "assets/food11/content"
    assert second.endswith(hashlib.sha256(published).hexdigest())


def test_fetch_with_a_pin_prints_the_path_only(published: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script can use the output as it is."""
    monkeypatch.setenv("SERVING_LABS_SHA256_FOOD11", hashlib.sha256(published).hexdigest())
    assert Path(run("fetch", "food11").stdout.strip()).is_dir()


def test_fetch_anew_asks_the_server_again(server, published: bytes) -> None:
    """Without the option it does not."""
    for words, requests in ((["food11"], 1), (["food11"], 1), (["food11", "--anew"], 2)):
        assert run("fetch", *words).exit_code == 0
        assert len(server.seen) == requests


def test_fetch_of_what_is_here_gives_its_path(assets: Path) -> None:
    """There is nothing to fetch, and that is no error."""
    assert run("fetch", "tiny").stdout.strip() == str(assets / "models/tiny.safetensors")


@pytest.mark.parametrize(("name", "words"), [("food12", "did you mean"), ("food11", "no address is set")])
def test_errors_are_words_and_not_tracebacks(name: str, words: str) -> None:
    """Status 1, the message on the error stream, nothing on the output."""
    failed = run("fetch", name)
    assert failed.exit_code == 1
    assert words in failed.stderr
    assert failed.stdout == ""


def test_verify_checks_everything_that_is_here(published: bytes, assets: Path) -> None:
    """One line each; a single fault makes the whole fail, and the others are still checked."""
    run("fetch", "food11")
    good = run("verify")
    assert good.exit_code == 0, good.output
    assert [line.split()[:2] for line in good.stdout.splitlines()] == [["ok", "tiny"], ["ok", "food11"]]
    (assets / "models/tiny.safetensors").write_bytes(b"changed")
    bad = run("verify")
    assert bad.exit_code == 1
    assert "other content" in bad.stderr
    assert bad.stdout.split()[:2] == ["ok", "food11"]
    assert run("verify", "food11").exit_code == 0


def test_verify_of_what_is_not_here_fails() -> None:
    """Naming it means expecting it."""
    failed = run("verify", "food11")
    assert failed.exit_code == 1
    assert "not in the cache" in failed.stderr


def test_the_commands_run_as_a_module() -> None:
    """`python -m labs` finds them."""
    done = subprocess.run(
        [sys.executable, "-m", "labs", "assets", "--help"], capture_output=True, text=True, check=True
    )
    assert all(command in done.stdout for command in ("list", "fetch", "verify"))
