"""Publishing, against a server that answers as Trovi does."""

from __future__ import annotations

import io
import tarfile

import pytest
from typer.testing import CliRunner

from provisioning.testbed.errors import NotSignedInError, ServiceBusyError
from provisioning.trovi.client import TroviClient, TroviRefusalError, exchange
from provisioning.trovi.commands import app

TOKEN, SUBJECT = "trovi-jwt", "subject-jwt"


@pytest.fixture
def client(trovi) -> TroviClient:
    return TroviClient(TOKEN, trovi.url, timeout_s=5)


def test_a_sign_in_token_becomes_one_of_trovi(trovi):
    """The exchange of Chameleon's token, and a wrong one refused with the way out."""
    assert exchange(SUBJECT, trovi.url) == TOKEN
    with pytest.raises(NotSignedInError, match="fresh token"):
        exchange("old", trovi.url)


def test_upload_create_and_update(client, trovi, document, course, tmp_path):
    """An archive becomes an artifact; another upload becomes its second version, and the first stays."""
    archive = tmp_path / "labs.tar.gz"
    archive.write_bytes(b"packed")
    urn = client.store(archive)
    made = client.create(document, urn)
    artifact = trovi.artifacts[made.artifact_id]
    assert artifact["title"] == "Serving"
    assert artifact["visibility"] == "private"
    assert artifact["authors"] == [{"full_name": "Ada Lovelace", "email": "ada@uni.edu", "affiliation": "Uni"}]
    assert artifact["versions"][0]["environment_setup"] == [{"type": "jupyterhub", "arguments": "{}"}]
    archive.write_bytes(b"packed again")
    second = client.add_version(made.artifact_id, document, client.store(archive))
    assert second.version == "2026-03-02.1"
    versions = trovi.artifacts[made.artifact_id]["versions"]
    assert [trovi.archives[v["contents"]["urn"]] for v in versions] == [b"packed", b"packed again"]
    assert made.url == f"{trovi.url}/dashboard/artifacts/{made.artifact_id}"


def test_import_pins_a_commit_and_needs_another_for_an_update(client, trovi, document):
    """The first import makes the artifact, the second a version."""
    address = "https://github.com/course/labs"
    trovi.repositories[address] = document
    made = client.import_repository(address)
    assert trovi.artifacts[made.artifact_id]["versions"][0]["contents"]["urn"].endswith("@0123abc")
    again = client.import_repository(address, made.artifact_id)
    assert again.artifact_id == made.artifact_id
    assert len(trovi.artifacts[made.artifact_id]["versions"]) == 2


def test_a_refused_import_answers_200_and_is_not_success(client, trovi, document):
    """Trovi puts the errors into the body of a success."""
    root = next(entity for entity in document["@graph"] if entity["@id"] == "./")
    root["keywords"] = "nonsense"
    trovi.repositories["https://github.com/course/labs"] = document
    with pytest.raises(TroviRefusalError, match="Unknown tag: nonsense"):
        client.import_repository("https://github.com/course/labs")
    assert trovi.artifacts == {}


def test_refusals_and_outages(client, trovi, document):
    """A wrong token, a foreign artifact, an outage and a server that is gone each have their own error."""
    with pytest.raises(NotSignedInError):
        TroviClient("wrong", trovi.url).tags()
    with pytest.raises(TroviRefusalError, match="404"):
        client.add_version("nobodys", document, "urn")
    trovi.refuse = [503]
    with pytest.raises(ServiceBusyError, match="503"):
        client.tags()
    with pytest.raises(ServiceBusyError, match="did not answer"):
        TroviClient(TOKEN, "http://127.0.0.1:9", timeout_s=1).tags()


def run(*arguments: str, **environ: str):
    return CliRunner().invoke(app, list(arguments), env={"TROVI_TOKEN": "", "OS_ACCESS_TOKEN": "", **environ})


def test_the_command_publishes_the_students_tree(trovi, course, tmp_path):
    """From check to page, with the token as Chameleon's Jupyter has it; what is stored is the allow-list."""
    result = run(
        "publish", "--root", str(course), "--target", str(tmp_path / "a.tar.gz"), "--url", trovi.url,
        OS_ACCESS_TOKEN=SUBJECT,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    ((artifact_id, artifact),) = trovi.artifacts.items()
    assert artifact_id in result.output
    raw = trovi.archives[artifact["versions"][0]["contents"]["urn"]]
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        names = tar.getnames()
    assert "requirements.txt" in names
    assert not [name for name in names if name.startswith(("grading/answers", "tests"))]
    again = run(
        "publish", "--artifact", artifact_id, "--root", str(course), "--target", str(tmp_path / "a.tar.gz"),
        "--url", trovi.url, TROVI_TOKEN=TOKEN,
    )  # fmt: skip
    assert again.exit_code == 0, again.output
    assert len(artifact["versions"]) == 2


def test_what_would_be_refused_is_not_uploaded(trovi, course):
    """An unknown tag is found before anything leaves."""
    path = course / "trovi.json"
    path.write_text(path.read_text().replace("machine learning", "nonsense"))
    result = run("publish", "--root", str(course), "--url", trovi.url, TROVI_TOKEN=TOKEN)
    assert result.exit_code == 1
    assert "knows no tag nonsense" in result.output
    assert trovi.archives == {}


def test_no_token_says_where_one_comes_from(course):
    """And nothing is asked."""
    result = run("publish", "--root", str(course), "--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "TROVI_TOKEN" in result.output


def test_validate_and_build(course, tmp_path):
    """Both work without a network."""
    assert run("validate", "--root", str(course)).exit_code == 0
    result = run("build", str(tmp_path / "out" / "a.tar.gz"), "--root", str(course))
    assert result.exit_code == 0
    assert (tmp_path / "out" / "a.tar.gz").exists()
    (course / "trovi.json").unlink()
    missing = run("validate", "--root", str(course))
    assert missing.exit_code == 1
    assert "trovi.json is missing" in missing.output
