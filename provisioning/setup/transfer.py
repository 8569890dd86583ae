"""Transfers between this computer and a part's machine: ledgers by entry; models, programs and
notebooks by hash.

The machine is deleted when its lease ends, so its measurements must be copied to this computer.
This computer's predictions and files must be on the machine before the first measurement. You can
repeat both directions at any time, and existing files are not copied again. An interrupted transfer
leaves only complete files, because each gets its name at its end.
"""

import base64
import gzip
import hashlib
import itertools
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from labs.records import Ledger
from labs.workspace import workspace_dir
from provisioning.setup.jobs import script
from provisioning.testbed import Shell
from provisioning.testbed.errors import CommandFailedError, ProvisioningError

#: The course's path on the machine, under the account's home.
REMOTE_ROOT = "serving-labs"
#: Bytes fetched in one answer: text, a third longer than what it stands for. The container
#: service's limit is not published.
FETCH_BYTES = 192 * 2**10
#: Seconds for a brief command: a small device that is busy takes its time.
PATIENCE_S = 240.0

#: A student's files, by folder below the course's on either side.
_NAMES = {
    "workspace/models": ("*.onnx", "*.pte", "*.safetensors"),
    "workspace/programs": (
        "*.py",
        "*.pbtxt",
        "*.promql",
        "*.toml",
        "*.yaml",
        "*.yml",
        "*.json",
        "*.txt",
    ),
    "workspace/proofs": ("*.json",),
    "notebooks": ("*.ipynb",),
}
_PATTERNS = tuple(itertools.chain(*_NAMES.values()))

#: Prints a file's sha256, on Linux and on a Mac; nothing if it is missing.
_DIGEST = "(sha256sum {0} 2>/dev/null || shasum -a 256 {0} 2>/dev/null) | cut -d ' ' -f 1"

#: A line of what ``survey.sh`` says; some systems' `wc` puts blanks before its number.
_SURVEYED = re.compile(r"(?P<digest>[0-9a-f]{64}) +(?P<size>\d{1,15}) (?P<name>.+)")


@dataclass
class Moved:
    """The files that a transfer copied, or would copy."""

    #: Ledger entries.
    entries: int = 0
    #: Files that arrived, as paths below the course's folder, with their size in bytes.
    files: dict[str, int] = field(default_factory=dict)
    #: Files that differ on both sides: both versions stay, and a text gives the other one's path.
    conflicts: list[str] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        """Whether there was anything to move."""
        return bool(self.entries or self.files)

    def __str__(self) -> str:
        parts = []
        if self.entries:
            parts.append(_counted(self.entries, "ledger entry", "ledger entries"))
        if self.files:
            files = _counted(len(self.files), "file", "files")
            size_mb = sum(self.files.values()) / 1e6
            parts.append(f"{files}, {size_mb:.1f} MB")
        lines = [" and ".join(parts) or "nothing"]
        lines += [f"  - {conflict}" for conflict in self.conflicts]
        return "\n".join(lines)


def _counted(count: int, singular: str, plural: str) -> str:
    return f"{count} {singular if count == 1 else plural}"


class BrokeOffError(CommandFailedError):
    """Files of the machine are not at home yet."""

    def __init__(self, error: ProvisioningError, missing: list[str]) -> None:
        what = f"{error.what}; not at home yet: {', '.join(missing)}"
        way_out = "Run it again: it goes on with what is missing."
        super().__init__(what, likely=error.likely, way_out=way_out)
        self.missing = missing


@dataclass(frozen=True)
class Home:
    """The paths of a student's work on the side that outlives the machine."""

    #: The course's root folder, with the notebooks.
    course: Path
    #: With the ledger and the models.
    workspace: Path

    @classmethod
    def of_course(cls, course: Path) -> "Home":
        """Return this computer's: a course with the workspace that belongs to this process."""
        return cls(course, workspace_dir())

    @property
    def ledger(self) -> Ledger:
        """The ledger here."""
        return Ledger(self.workspace / "ledger.jsonl")

    def path(self, name: str) -> Path:
        """Return the local path of a name below the course's folder; the workspace may be in
        another place.
        """
        first, _, rest = name.partition("/")
        return self.workspace / rest if first == "workspace" else self.course / name

    def files(self) -> "Files":
        """Return what travels, by name: its sha256 and its size in bytes."""
        files = {}
        for folder in _NAMES:
            root = self.path(folder)
            for path in sorted(root.rglob("*")):
                name = f"{folder}/{path.relative_to(root).as_posix()}"
                if _travels(name) and path.is_file() and not path.is_symlink():
                    with path.open("rb") as file:
                        digest = hashlib.file_digest(file, "sha256").hexdigest()
                    files[name] = (digest, path.stat().st_size)
        return files


#: Names of files, each with its sha256 and its size in bytes.
Files = dict[str, tuple[str, int]]
#: What a transfer left the same on both sides: name to sha256. The next one sees by it which side
#: has changed a file.
Same = dict[str, str]


def push(
    shell: Shell, home: Home, known: Same, say: Callable[[str], None] = print
) -> tuple[Moved, Same]:
    """Bring predictions, answers, records, models, programs and notebooks to the machine.

    Args:
        known: the result of the last transfer; empty before the first.

    Returns:
        The copied files, and the machine's files that are equal on both sides, or were after their
        last copy.

    Raises:
        CommandFailedError: it broke off; run it again, it goes on.
    """
    moved = Moved()
    remote = _remote_files(shell)
    local = home.files()
    wanted = {}
    for path, (digest, size) in local.items():
        remote_digest = _digest(remote, path)
        if remote_digest == digest:
            continue
        if remote_digest and remote_digest != known.get(path):
            moved.conflicts.append(
                f"{path} was changed over there: it stays; pull brings it beside yours"
            )
            continue
        wanted[path] = (home.path(path), digest)
        moved.files[path] = size
        remote[path] = (digest, size)

    def announce(path: str) -> None:
        size_mb = moved.files[path] / 1e6
        say(f"sending {path}, {size_mb:.1f} MB")

    send(shell, wanted, announce)
    remote_ledger = _remote_ledger(shell)
    local_ledger = home.ledger.lines()
    missing = [line for entry_id, line in local_ledger.items() if entry_id not in remote_ledger]
    if missing:
        count = _counted(len(missing), "ledger entry", "ledger entries")
        say(f"sending {count}")
        _send_entries(shell, missing)
        moved.entries = len(missing)
    return moved, _same(local, remote, known)


def pull(
    shell: Shell, home: Home, known: Same, say: Callable[[str], None] = print
) -> tuple[Moved, Same]:
    """Copy the machine's records, models and written files to this computer.

    An entry that is here already stays as it is. A file that was changed on both sides is stored
    next to the local one, under another name.

    Returns:
        The copied files, and the machine's files that are equal on both sides, or were after their
        last copy.

    Raises:
        BrokeOffError: it broke off; the error names the missing files; run it again, it goes on.
        ProvisioningError: it could not begin.
    """
    moved = Moved()
    remote = _remote_files(shell)
    local = home.files()
    moved.entries = home.ledger.adopt(_remote_ledger(shell).values())
    news = list(_news(remote, local, known))
    for number, (path, digest, size) in enumerate(news):
        target = home.path(path)
        local_digest = _digest(local, path)
        if local_digest and local_digest != known.get(path):
            target = target.with_name(f"{target.stem}.from-machine-{digest[:8]}{target.suffix}")
            if target.exists():
                continue
            moved.conflicts.append(
                f"{path} was changed on both sides: the machine's is {target.name}"
            )
        size_mb = size / 1e6
        say(f"fetching {path}, {size_mb:.1f} MB")
        try:
            fetch(shell, path, size, digest, target)
        except ProvisioningError as error:
            missing = [name for name, _, _ in news[number:]]
            raise BrokeOffError(error, missing) from error
        moved.files[path] = size
        if target == home.path(path):
            local[path] = (digest, size)
    return moved, _same(local, remote, known)


def only_there(shell: Shell, home: Home, known: Same) -> Moved:
    """Return what would be lost with the machine: entries and files that are not here.

    A file that is here under another name is not lost.
    """
    local = home.files()
    local_entries = home.ledger.lines()
    local_digests = {digest for digest, _ in local.values()}
    news = _news(_remote_files(shell), local, known)
    files = {path: size for path, digest, size in news if digest not in local_digests}
    entries = _remote_ledger(shell).keys() - local_entries.keys()
    return Moved(len(entries), files)


def _news(remote: Files, local: Files, known: Same) -> Iterator[tuple[str, str, int]]:
    """Yield the machine's changed files: their content differs from the local one and from the sent
    one.

    Each is its path, its sha256 and its size in bytes.
    """
    for path, (digest, size) in remote.items():
        if digest not in (_digest(local, path), known.get(path)):
            yield path, digest, size


def _digest(files: Files, path: str) -> str:
    return files.get(path, ("", 0))[0]


def _same(local: Files, remote: Files, known: Same) -> Same:
    """Return the machine's files that are the same here, or were: a notebook is saved here again
    while it is open.
    """
    same = {}
    for path, (digest, _) in remote.items():
        if digest in (_digest(local, path), known.get(path)):
            same[path] = digest
    return same


def _travels(name: str) -> bool:
    path = PurePosixPath(name)
    if path.parts[:2] in {("notebooks", "instructor"), ("notebooks", "source")}:
        return False
    # Hidden names and parent folders are refused.
    if any(part.startswith(".") for part in path.parts):
        return False
    for folder, patterns in _NAMES.items():
        if name.startswith(f"{folder}/"):
            return any(path.match(pattern) for pattern in patterns)
    return False


def _remote_files(shell: Shell) -> Files:
    patterns = " -o ".join(f"-name {pattern}" for pattern in _PATTERNS)
    survey = script("survey", root=REMOTE_ROOT, folders=" ".join(_NAMES), patterns=patterns)
    # What another machine says is not trusted: neither to name another place, nor to be a hash and
    # a size.
    files = {}
    for line in _run(shell, survey, "looking at what is there").splitlines():
        match = _SURVEYED.fullmatch(line)
        if match and _travels(match["name"]):
            files[match["name"]] = (match["digest"], int(match["size"]))
    return files


def _remote_ledger(shell: Shell) -> dict[str, str]:
    """Return the lines of the machine's ledger by their entries' ids."""
    # Packed, because samples are long texts of digits; whole, because a ledger is small beside one
    # model.
    path = f"{REMOTE_ROOT}/workspace/ledger.jsonl"
    command = f"if [ -f {path} ]; then gzip -c {path} | base64; fi"
    packed = _run(shell, command, "reading the ledger there")
    text = ""
    if packed.strip():
        text = gzip.decompress(base64.b64decode(packed)).decode(errors="replace")
    return Ledger.lines_of(text)


def _send_entries(shell: Shell, lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    content = gzip.compress(text.encode(), mtime=0)
    digest = hashlib.sha256(content).hexdigest()
    arrived = f"entries-{digest[:12]}.gz"
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / arrived
        packed.write_bytes(content)
        send(shell, {f"workspace/{arrived}": (packed, digest)})
    append = script("append", root=REMOTE_ROOT, arrived=arrived)
    _run(shell, append, "adding entries to the ledger there")


def send(
    shell: Shell, files: Mapping[str, tuple[Path, str]], on_file: Callable[[str], object] = str
) -> None:
    """Put files on the machine, each whole or not at all.

    Args:
        files: By path below the course's folder on the machine: the file's path here, and its
            sha256.
        on_file: Told the path of each before it leaves.

    Raises:
        CommandFailedError: one file did not arrive intact; the files before it did.
    """
    targets = {path: f"{REMOTE_ROOT}/{path}" for path in files}
    folders = sorted({str(PurePosixPath(target).parent) for target in targets.values()})
    if folders:  # once for all: each command is a connection of its own
        _run(shell, f"mkdir -p {shlex.join(folders)}", "making the folders of what is sent")
    for path, (source, digest) in files.items():
        on_file(path)
        # Under another name until it is whole: a model that is cut short must not be loaded by
        # anybody.
        arriving = f"{targets[path]}.arriving"
        shell.put(source, arriving)
        compute_digest = _DIGEST.format(shlex.quote(arriving))
        names = shlex.join((arriving, targets[path]))
        move = f'seen=$( {compute_digest}); [ "$seen" != {digest} ] || mv {names}; echo "$seen"'
        arrived_digest = _run(shell, move, f"moving {path} into place").strip()
        if arrived_digest != digest:
            what = arrived_digest[:12] or "nothing"
            raise CommandFailedError(f"{path} arrived as {what} instead of {digest[:12]}")


def digest_there(shell: Shell, path: str) -> str:
    """Return the sha256 of a file on the machine; empty where it is missing."""
    return shell.run(_DIGEST.format(shlex.quote(path))).output.strip()


def fetch(shell: Shell, path: str, size: int, digest: str, target: Path) -> None:
    """Fetch a file in parts, whole or not at all.

    Raises:
        CommandFailedError: it broke off, or it changed on its way.
    """
    remote = shlex.quote(f"{REMOTE_ROOT}/{path}")
    content = bytearray()
    while len(content) < size:
        # Base64, because the container service returns text, and a byte that is none would be
        # replaced.
        first_byte = len(content) + 1
        command = f"tail -c +{first_byte} {remote} | head -c {FETCH_BYTES} | base64"
        part = base64.b64decode(_run(shell, command, f"fetching {path}"))
        if not part:
            break
        content += part
    if hashlib.sha256(content).hexdigest() != digest:
        raise CommandFailedError(
            f"{path} changed during the transfer: the machine is still writing it. Fetch it again."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    arriving = target.with_name(f".{target.name}.arriving")
    arriving.write_bytes(content)
    arriving.replace(target)


def _run(shell: Shell, command: str, doing: str) -> str:
    done = shell.run(command, timeout_s=PATIENCE_S)
    if done.exit_code != 0:
        last_output = done.output.strip()[-500:]
        raise CommandFailedError(f"{doing} ended with {done.exit_code}: {last_output}")
    return done.output
