"""The cache of fetched assets: each is fetched once, made usable once, and checked at every use.

    CACHE/downloads/          what is on its way
    CACHE/assets/NAME/        receipt.json and content/, put in place in one step

A lock file for each name lets two notebooks ask at the same time: one fetches, the other waits and uses the result.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import filelock

from labs.assets.addresses import Address, address_of, config_file, sha256_variable, url_variable
from labs.assets.errors import NotConfiguredError, SpaceError
from labs.assets.fetch import Expected, Policy, Progress, download
from labs.assets.food11 import Install, install_dataset, install_onnx, install_weights
from labs.assets.hashes import Digest, digest
from labs.assets.places import cache_dir
from labs.assets.remote import Remote
from labs.assets.space import full_disk_in_words
from labs.assets.verify import FileRecord, record_files, verify_files

logger = logging.getLogger(__name__)

_INSTALL: dict[str, Install] = {
    "food11": install_dataset,
    "food11-mobilenetv2": install_weights,
    "food11-mobilenetv2-onnx": install_onnx,
}


@dataclass(frozen=True)
class Receipt:
    """What was fetched, and what was made of it."""

    #: Address without user name, password and query.
    fetched_from: str
    #: SHA-256 of the file as it was fetched.
    sha256: str
    #: Git blob id of the file as it was fetched.
    git_blob: str
    #: Size of the file as it was fetched, in bytes.
    size_bytes: int
    #: Whether a hash was known beforehand; otherwise the first download was trusted and is what is recorded here.
    pinned: bool
    #: When the download ended, UTC in ISO 8601.
    fetched_at: str
    #: The files made of it, by path under `content/`.
    files: dict[str, FileRecord]


def home_of(remote: Remote) -> Path:
    """Return the folder in the cache that is an asset's own; it need not exist."""
    return cache_dir() / "assets" / remote.name


def receipt_of(remote: Remote) -> Receipt | None:
    """Return the receipt of an asset in the cache, or None when it is not there."""
    try:
        record = json.loads((home_of(remote) / "receipt.json").read_text("utf-8"))
        files = {name: FileRecord(*entry) for name, entry in record.pop("files").items()}
        return Receipt(**record, files=files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # as good as absent: it is fetched again


def installed(remote: Remote, *, thorough: bool = False) -> Path:
    """Return an asset that is in the cache, checked.

    Args:
        remote: What is wanted.
        thorough: Read every file again.

    Returns:
        Folder of a data set, file of a model.

    Raises:
        NotConfiguredError: It is not in the cache.
        IntegrityError: Its files have changed since they were put there.
    """
    receipt = receipt_of(remote)
    if receipt is None:
        raise NotConfiguredError(
            f"{remote.name} is not in the cache; `python -m labs assets fetch {remote.name}` fetches it"
        )
    content = home_of(remote) / "content"
    way_out = f"Fetch it again with `python -m labs assets fetch {remote.name} --anew`"
    verify_files(content, receipt.files, way_out, thorough=thorough)
    return content / remote.result


def obtain(
    remote: Remote, progress: Progress | None = None, *, anew: bool = False, policy: Policy | None = None
) -> Path:
    """Return an asset from the cache, fetched first when it is not there.

    Args:
        remote: What is wanted.
        progress: Told about the bytes so far and in all.
        anew: Fetch it even when it is there.
        policy: Patience of the download; the size limits are the asset's own.

    Returns:
        Folder of a data set, file of a model.

    Raises:
        NotConfiguredError: It is not in the cache, and no address is set.
        AssetError: As for `download` and for the making of usable files.
    """
    address = address_of(remote.name)
    if not anew and _is_current(remote, address):
        return installed(remote)
    if address is None:
        raise NotConfiguredError(
            f"{remote.name} ({remote.summary}) is fetched, and no address is set. Set {url_variable(remote.name)} to "
            f"the address of {remote.published_name}, or write it into {config_file()}:\n\n"
            f'    [{remote.name}]\n    url = "https://…"\n    sha256 = "…"\n\n'
            "Without internet, food11-mini and its model come with the checkout"
        )
    with _lock(remote):
        if anew or not _is_current(remote, address):
            _fetch(remote, address, progress, policy or Policy())
    return installed(remote)


def _is_current(remote: Remote, address: Address | None) -> bool:
    """Whether the cache holds the asset, made from the file that is asked for now."""
    receipt = receipt_of(remote)
    return receipt is not None and (address is None or address.sha256 in (None, receipt.sha256))


def _fetch(remote: Remote, address: Address, progress: Progress | None, policy: Policy) -> None:
    """Fetch a file, make the usable files beside their final place, and move them there."""
    expected = Expected(address.sha256, remote.git_blob)
    published = cache_dir() / "downloads" / remote.published_name
    found = _kept_download(published, expected) or download(
        address.url, published, expected, policy.for_file(remote.max_bytes, remote.unpacked_ratio), progress
    )
    if not expected.pinned:
        logger.warning(
            "No SHA-256 is configured for %s, so what %s sent was trusted. It is recorded as %s; set %s to that, and "
            "any later change will be noticed.",
            remote.name,
            address.shown,
            found.sha256,
            sha256_variable(remote.name),
        )
    home = home_of(remote)
    new, old = home.with_name(f".{remote.name}.new"), home.with_name(f".{remote.name}.old")
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        with full_disk_in_words(published.parent):
            _INSTALL[remote.name](published, found, new / "content", progress)
        files = record_files(new / "content")
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        if not isinstance(error, SpaceError | KeyboardInterrupt):
            published.unlink(missing_ok=True)  # a file that cannot be used is not worth keeping
        raise
    now = datetime.now(UTC).isoformat(timespec="seconds")
    receipt = Receipt(address.shown, found.sha256, found.git_blob, found.size_bytes, expected.pinned, now, files)
    (new / "receipt.json").write_text(json.dumps(asdict(receipt)), "utf-8")
    if home.exists():
        home.rename(old)
    new.rename(home)
    shutil.rmtree(old, ignore_errors=True)
    published.unlink(missing_ok=True)


def _kept_download(published: Path, expected: Expected) -> Digest | None:
    """Return the hashes of a finished download that was not made use of, when it is surely the right one."""
    if not published.is_file() or not expected.pinned:
        return None
    found = digest(published)
    return None if expected.misfit(found) else found


@contextmanager
def _lock(remote: Remote) -> Iterator[None]:
    """Let one process at a time work on an asset; the lock ends with its process."""
    path = cache_dir() / "assets" / f"{remote.name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        logger.info("another process is fetching %s; waiting for it", remote.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
