"""Publishing: one name of the repository everywhere, and a version with its notes."""

import re
import shutil
from pathlib import Path

import pytest

from grading.builder.publish import (
    NAMED_IN,
    PublishError,
    name_repository,
    notes_of,
    repository_of,
    write_version,
)
from labs.workspace import PROJECT_DIR

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.4.0] - 2026-01-01\n"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Return a copy of the pages that name the repository, with a short changelog."""
    for name in NAMED_IN:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_DIR / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_one_command_names_the_repository_everywhere(course: Path):
    """Again after a move; no page keeps an older name."""
    for name in ("ada/serving", "testbeds/model-serving-labs"):
        before = repository_of(course)
        assert "README.md" in name_repository(name, course)
        assert repository_of(course) == name
        texts = [(course / page).read_text(encoding="utf-8") for page in NAMED_IN]
        assert [text for text in texts if before in text] == []
    with pytest.raises(PublishError, match="write OWNER/REPOSITORY"):
        name_repository("https://github.com/ada/serving", course)


def test_no_page_names_the_repository_that_the_command_does_not_know():
    """Else that page would keep the old name."""
    name = repository_of(PROJECT_DIR)
    pages = [*PROJECT_DIR.glob("*.*"), *(PROJECT_DIR / "notebooks").rglob("*.md")]
    texts = {page: page.read_text(encoding="utf-8") for page in pages if page.is_file()}
    # CONTRIBUTING explains the command.
    naming = {page.relative_to(PROJECT_DIR).as_posix() for page in texts if name in texts[page]}
    assert naming - {"CONTRIBUTING.md"} <= set(NAMED_IN)


def test_a_version_is_written_everywhere_with_its_notes(course: Path):
    """The changelog keeps an empty section for the next changes."""
    assert write_version("0.5.0", course, today="2026-12-01") == "### Added\n\n- A thing.\n"
    assert 'version = "0.5.0"' in (course / "pyproject.toml").read_text()
    citation = (course / "CITATION.cff").read_text()
    assert "version: 0.5.0\ndate-released: 2026-12-01\n" in citation
    changelog = (course / "CHANGELOG.md").read_text()
    assert "## [Unreleased]\n\n## [0.5.0] - 2026-12-01\n" in changelog
    assert notes_of(changelog, "0.5.0") == "### Added\n\n- A thing.\n"


@pytest.mark.parametrize(
    ("version", "why"),
    [("0.4.0", "not newer than 0.4.0"), ("next", "is no version"), ("0.5.0", "says nothing")],
)
def test_a_version_that_cannot_be_released_changes_nothing(course: Path, version: str, why: str):
    """An old version and a version without notes are refused."""
    changelog = course / "CHANGELOG.md"
    if why == "says nothing":
        changelog.write_text("## [Unreleased]\n\n## [0.4.0]\n")
    before = changelog.read_text()
    with pytest.raises(PublishError, match=re.escape(why)):
        write_version(version, course)
    assert changelog.read_text() == before
    assert 'version = "0.4.0"' in (course / "pyproject.toml").read_text()


def test_workflows_name_actions_by_hash():
    """A tag can be moved to other code; the comment says which version the hash is."""
    lines = [
        line.strip()
        for path in (PROJECT_DIR / ".github" / "workflows").glob("*.yml")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "uses:" in line
    ]
    pinned = re.compile(r"(- )?uses: [\w./-]+@[0-9a-f]{40} # v[\d.]+")
    assert lines
    assert [line for line in lines if not pinned.fullmatch(line)] == []
