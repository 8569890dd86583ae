"""Changed, missing and extra files are found; unchanged ones are read only once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labs.assets import IntegrityError, verify
from labs.assets.verify import record_files, verify_files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with three pictures and a text."""
    root = tmp_path / "tree"
    (root / "evaluation" / "class_00").mkdir(parents=True)
    for index in range(3):
        (root / "evaluation" / "class_00" / f"0_{index}.jpg").write_bytes(bytes([index]) * 100)
    (root / "README.md").write_text("about")
    return root


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of files that are hashed from now on."""
    names: list[str] = []
    hashing = verify.digest

    def counted(path: Path):
        names.append(path.name)
        return hashing(path)

    monkeypatch.setattr(verify, "digest", counted)
    return names


def test_an_unchanged_tree_is_read_once(tree: Path, reads: list[str]) -> None:
    """The second check looks at sizes and times only; a thorough one reads all again."""
    records = record_files(tree)
    reads.clear()
    verify_files(tree, records, "")
    assert len(reads) == 4
    verify_files(tree, records, "")
    assert len(reads) == 4
    verify_files(tree, records, "", thorough=True)
    assert len(reads) == 8


def test_only_a_touched_file_is_read_again(tree: Path, reads: list[str]) -> None:
    """A new time of change is reason enough to look."""
    records = record_files(tree)
    verify_files(tree, records, "")
    reads.clear()
    os.utime(tree / "evaluation/class_00/0_1.jpg", (1, 1))
    verify_files(tree, records, "")
    assert reads == ["0_1.jpg"]


def test_changed_content_of_equal_size_is_found(tree: Path) -> None:
    """Also after a good check of the old content."""
    records = record_files(tree)
    verify_files(tree, records, "")
    (tree / "evaluation/class_00/0_2.jpg").write_bytes(b"x" * 100)
    with pytest.raises(IntegrityError, match=r"0_2\.jpg has other content.*Do this"):
        verify_files(tree, records, "Do this")


def test_other_records_are_not_covered_by_an_old_check(tree: Path) -> None:
    """A new manifest over unchanged files makes them be read again."""
    records = record_files(tree)
    verify_files(tree, records, "")
    name = "evaluation/class_00/0_0.jpg"
    records[name] = records[name]._replace(sha256="0" * 64)
    with pytest.raises(IntegrityError, match=r"0_0\.jpg has other content"):
        verify_files(tree, records, "")


def test_missing_short_and_extra_pictures_are_told(tree: Path) -> None:
    """One message for all, with the first three and a count."""
    records = record_files(tree)
    folder = tree / "evaluation/class_00"
    (folder / "0_0.jpg").unlink()
    (folder / "0_1.jpg").write_bytes(b"short")
    (folder / "0_8.jpg").write_bytes(b"extra")
    (folder / "0_9.jpg").write_bytes(b"extra")
    with pytest.raises(IntegrityError) as failure:
        verify_files(tree, records, "")
    message = str(failure.value)
    assert "0_0.jpg is missing; evaluation/class_00/0_1.jpg has 5 bytes, not 100" in message
    assert "0_8.jpg does not belong there and 1 more" in message


def test_files_that_are_no_pictures_do_not_matter(tree: Path) -> None:
    """File managers and data cards may leave something; extra pictures may be allowed too."""
    records = record_files(tree)
    (tree / "evaluation" / ".DS_Store").write_bytes(b"")
    (tree / "DATA_CARD.md").write_text("about")
    (tree / "evaluation" / "._0_1.jpg").write_bytes(b"")
    verify_files(tree, records, "")
    (tree / "extra.jpg").write_bytes(b"")
    verify_files(tree, records, "", strangers=False)


def test_a_cache_that_cannot_be_written_does_not_matter(tree: Path, cache: Path) -> None:
    """The check is only slower then."""
    cache.write_text("a file where a folder has to be")
    verify_files(tree, record_files(tree), "")


def test_a_damaged_memory_of_checks_does_not_matter(tree: Path, cache: Path, reads: list[str]) -> None:
    """It is as good as none."""
    records = record_files(tree)
    verify_files(tree, records, "")
    (stamps,) = (cache / "verified").iterdir()
    stamps.write_text("[not json")
    reads.clear()
    verify_files(tree, records, "")
    assert len(reads) == 4
