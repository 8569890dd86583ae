"""Only plain pictures come out of an archive, and only to where the caller wants them."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from labs.assets import IntegrityError, SpaceError, UnsafeFileError
from labs.assets.archives import Limits, unpack_pictures

JPEG = b"\xff\xd8\xff" + b"a picture" * 10
PNG = b"\x89PNG\r\n\x1a\n" + b"a picture" * 10
SMALL = Limits(max_entries=50, max_file_bytes=1000, max_total_bytes=5000, reserve_bytes=0)


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    """Write a compressed zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tar(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    """Write a tar."""
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


MAKERS: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {
    "zip": make_zip,
    "tar": lambda path, files: make_tar(path, files, "w:"),
    "tar.gz": make_tar,
    "tar.bz2": lambda path, files: make_tar(path, files, "w:bz2"),
    "tar.xz": lambda path, files: make_tar(path, files, "w:xz"),
}


@pytest.fixture(params=sorted(MAKERS))
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    """Return a writer of archives of each kind, all under a name that says nothing about the kind."""
    return lambda files: MAKERS[request.param](tmp_path / "Food-11.archive", files)


def flat(path: PurePosixPath) -> PurePosixPath:
    """Put every picture beside each other."""
    return PurePosixPath("pictures", path.name)


def unpack(archive: Path, limits: Limits = SMALL) -> list[str]:
    """Unpack and return what lies there afterwards."""
    folder = archive.parent / "out"
    unpack_pictures(archive, folder, flat, limits)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def refused(archive: Path, words: str, error: type[Exception] = UnsafeFileError, limits: Limits = SMALL) -> None:
    """Check that an archive is refused, and that nothing was written outside the target folder."""
    before = set(archive.parent.parent.rglob("*"))
    with pytest.raises(error, match=words):
        unpack(archive, limits)
    new = set(archive.parent.parent.rglob("*")) - before
    assert all(path.is_relative_to(archive.parent / "out") for path in new)
    assert not any(path.is_symlink() for path in new)


def test_pictures_come_out_and_other_files_stay_inside(archive) -> None:
    """JPEG and PNG in any spelling of their endings; text, programs and hidden folders are left where they are."""
    made = archive({"a/1.jpg": JPEG, "b/2.JPEG": JPEG, "3.png": PNG, "README.txt": b"read", "run.sh": b"rm -rf"})
    assert unpack(made) == ["pictures/1.jpg", "pictures/2.JPEG", "pictures/3.png"]
    assert (made.parent / "out/pictures/1.jpg").read_bytes() == JPEG


@pytest.mark.parametrize(
    "name", ["../1.jpg", "a/../../1.jpg", "/tmp/1.jpg", "a\\..\\1.jpg", "C:1.jpg", "../run.sh", "\\\\host\\1.jpg"]
)
def test_paths_that_lead_out_are_refused(archive, name: str) -> None:
    """Also for files that would not have been unpacked: an archive with such a path was made to do harm."""
    refused(archive({"1.jpg": JPEG, name: JPEG}), "leads out of its folder")


def test_a_picture_that_is_none_is_refused(archive) -> None:
    """The content has to be JPEG or PNG."""
    refused(archive({"1.jpg": b"#!/bin/sh\n"}), "neither JPEG nor PNG")


def test_an_empty_picture_is_refused(archive) -> None:
    """Nothing is no picture."""
    refused(archive({"1.jpg": b""}), "ends after 0", IntegrityError)


def test_two_pictures_of_one_name_are_refused(archive) -> None:
    """One would silently replace the other."""
    refused(archive({"a/1.jpg": JPEG, "b/1.jpg": JPEG}), "both become 1.jpg", IntegrityError)


def test_a_huge_entry_is_refused(archive) -> None:
    """Two megabytes that compress to nothing."""
    refused(archive({"1.jpg": JPEG + bytes(2_000_000)}), "larger than any")


def test_a_huge_entry_that_would_not_be_unpacked_is_refused(archive) -> None:
    """Skipping it would still mean to decompress it."""
    refused(archive({"notes.txt": bytes(2_000_000)}), "larger than any")


def test_many_small_entries_are_refused_together(archive) -> None:
    """The limits of count and of total size hold."""
    refused(archive({f"{i}.txt": b"" for i in range(60)}), "more than 50 entries")
    refused(archive({f"{i}.jpg": JPEG + bytes(800) for i in range(10)}), "larger than any")


def test_a_full_disk_is_noticed(archive) -> None:
    """Room is asked for each picture."""
    refused(archive({"1.jpg": JPEG}), "MB are free", SpaceError, Limits(reserve_bytes=1 << 60))


def test_a_truncated_archive_is_damaged(archive) -> None:
    """Half of an archive is refused whatever its kind."""
    made = archive({f"{i}.jpg": JPEG + bytes(500) for i in range(5)})
    made.write_bytes(made.read_bytes()[: made.stat().st_size // 2])
    refused(made, "damaged|ends after|unexpected end", IntegrityError)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"no archive at all" * 100, b"\x1f\x8b no gzip"])
def test_what_is_no_archive_is_said(tmp_path: Path, content: bytes) -> None:
    """The error names both kinds that are read."""
    (tmp_path / "Food-11.archive").write_bytes(content)
    refused(tmp_path / "Food-11.archive", "neither a zip nor a tar", IntegrityError)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, kind: int) -> None:
    """A zip tells the kind of file in its Unix attributes."""
    info = zipfile.ZipInfo("1.jpg")
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    refused(tmp_path / "a.zip", "link or a device")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    """A link first and a file through it afterwards is the classic way out."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("pictures")
        info.type, info.linkname = kind, str(tmp_path.parent)
        archive.addfile(info)
        inside = tarfile.TarInfo("pictures/1.jpg")
        inside.size = len(JPEG)
        archive.addfile(inside, io.BytesIO(JPEG))
    refused(tmp_path / "a.tar", "a link, a device")


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    """Nobody here has a password."""
    made = make_zip(tmp_path / "a.zip", {"1.jpg": JPEG})
    content = bytearray(made.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    made.write_bytes(content)
    refused(made, "encrypted")


def test_a_zip_that_understates_a_size_is_refused(tmp_path: Path) -> None:
    """Ten thousand bytes behind a promise of a hundred."""
    made = make_zip(tmp_path / "a.zip", {"1.jpg": JPEG + bytes(10_000)})
    content = bytearray(made.read_bytes())
    for start in (content.index(b"PK\x03\x04") + 22, content.index(b"PK\x01\x02") + 24):
        content[start : start + 4] = (100).to_bytes(4, "little")
    made.write_bytes(content)
    refused(made, "damaged", IntegrityError)
    assert (tmp_path / "out/pictures/1.jpg").stat().st_size <= 100


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    """Checksums in the archive are used."""
    made = make_zip(tmp_path / "a.zip", {"1.jpg": JPEG})
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("1.jpg", JPEG)
    content = bytearray((tmp_path / "b.zip").read_bytes())
    content[content.index(JPEG) + 20] ^= 1
    made.write_bytes(content)
    refused(made, "damaged", IntegrityError)


def test_a_tar_header_of_a_gigabyte_is_refused(tmp_path: Path) -> None:
    """tarfile would read an extended header of any size into memory in one go."""
    info = tarfile.TarInfo("header")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.PAX_FORMAT) + bytes(10_240))
    refused(tmp_path / "a.tar", "impossible size")
