"""What travels between here and a part's machine: ledgers by entry; models, programs and notebooks by hash.

The machine is deleted when its lease ends, so what was measured there has to come home, and what was predicted and made
at home has to be there before the first measurement. Both ways can be taken again at any time: what is on the other
side already stays where it is. A transfer that breaks off leaves no half file: each has its name only once it is whole.
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

#: Where the course lies on the machine, under the account's home.
REMOTE_ROOT = "serving-labs"
#: Bytes fetched in one answer: text, a third longer than what it stands for. The container service's limit is not
#: published.
FETCH_BYTES = 192 * 2**10
#: Seconds for a brief command: a small device that is busy takes its time.
PATIENCE_S = 240.0

#: What a student makes, by folder below the course's on either side.
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
    """What a transfer brought, or would bring."""

    #: Ledger entries.
    entries: int = 0
    #: Files that arrived, as paths below the course's folder, with their size in bytes.
    files: dict[str, int] = field(default_factory=dict)
    #: What differs on both sides: nothing was replaced, and this says where the other one lies.
    conflicts: list[str] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        """Whether there was anything to move."""
        return bool(self.entries or self.files)

    def __str__(self) -> str:
        size_mb = sum(self.files.values()) / 1e6
        parts = [_counted(self.entries, "ledger entry", "ledger entries")] if self.entries else []
        parts += (
            [f"{_counted(len(self.files), 'file', 'files')}, {size_mb:.1f} MB"]
            if self.files
            else []
        )
        said = " and ".join(parts) or "nothing"
        return "\n".join([said, *(f"  - {line}" for line in self.conflicts)])


def _counted(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


class BrokeOffError(CommandFailedError):
    """Files of the machine are not at home yet."""

    def __init__(self, error: ProvisioningError, missing: list[str]) -> None:
        what = f"{error.what}; not at home yet: {', '.join(missing)}"
        super().__init__(
            what, likely=error.likely, way_out="Run it again: it goes on with what is missing."
        )
        self.missing = missing


@dataclass(frozen=True)
class Home:
    """Where a student's work lies on the side that outlives the machine."""

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
        """Return where a name below the course's folder lies here; the workspace may be elsewhere."""
        first, _, rest = name.partition("/")
        return self.workspace / rest if first == "workspace" else self.course / name

    def files(self) -> "Files":
        """Return what travels, by name: its sha256 and its size in bytes."""
        found = {}
        for folder in _NAMES:
            root = self.path(folder)
            for path in sorted(root.rglob("*")):
                name = f"{folder}/{path.relative_to(root).as_posix()}"
                if _travels(name) and path.is_file() and not path.is_symlink():
                    with path.open("rb") as file:
                        found[name] = (
                            hashlib.file_digest(file, "sha256").hexdigest(),
                            path.stat().st_size,
                        )
        return found


#: Names of files, each with its sha256 and its size in bytes.
Files = dict[str, tuple[str, int]]
#: What a transfer left the same on both sides: name to sha256. The next one sees by it which side has changed a file.
Same = dict[str, str]


def push(
    shell: Shell, home: Home, known: Same, say: Callable[[str], None] = print
) -> tuple[Moved, Same]:
    """Bring predictions, answers, records, models, programs and notebooks to the machine.

    Args:
        known: what the last transfer returned; empty before the first.

    Returns:
        What moved, and what of the machine's is the same on both sides, or was when it moved last.

    Raises:
        CommandFailedError: it broke off; run it again, it goes on.
    """
    moved, there, here = Moved(), _files_there(shell), home.files()
    for path, (digest, size) in here.items():
        seen = _digest(there, path)
        if seen == digest:
            continue
        if seen and seen != known.get(path):
            moved.conflicts.append(
                f"{path} was changed over there: it stays; pull brings it beside yours"
            )
            continue
        moved.files[path] = size
        there[path] = (digest, size)
    wanted = {path: (home.path(path), here[path][0]) for path in moved.files}
    send(shell, wanted, lambda path: say(f"sending {path}, {moved.files[path] / 1e6:.1f} MB"))
    known_there = _ledger_there(shell)
    missing = [
        line for identity, line in home.ledger.lines().items() if identity not in known_there
    ]
    if missing:
        say(f"sending {_counted(len(missing), 'ledger entry', 'ledger entries')}")
        _send_entries(shell, missing)
        moved.entries = len(missing)
    return moved, _same(here, there, known)


def pull(
    shell: Shell, home: Home, known: Same, say: Callable[[str], None] = print
) -> tuple[Moved, Same]:
    """Bring home what was recorded, made and written on the machine.

    An entry that is here already stays as it is. A file that was changed on both sides arrives beside the one that is
    here, under a name of its own.

    Returns:
        What moved, and what of the machine's is the same on both sides, or was when it moved last.

    Raises:
        BrokeOffError: it broke off, and what is missing; run it again, it goes on.
        ProvisioningError: it could not begin.
    """
    moved, there, here = Moved(), _files_there(shell), home.files()
    moved.entries = home.ledger.adopt(_ledger_there(shell).values())
    news = list(_news(there, here, known))
    for number, (path, digest, size) in enumerate(news):
        target, mine = home.path(path), _digest(here, path)
        if mine and mine != known.get(path):
            target = target.with_name(f"{target.stem}.from-machine-{digest[:8]}{target.suffix}")
            if target.exists():
                continue
            moved.conflicts.append(
                f"{path} was changed on both sides: the machine's is {target.name}"
            )
        say(f"fetching {path}, {size / 1e6:.1f} MB")
        try:
            fetch(shell, path, size, digest, target)
        except ProvisioningError as error:
            raise BrokeOffError(error, [name for name, _, _ in news[number:]]) from error
        moved.files[path] = size
        if target == home.path(path):
            here[path] = (digest, size)
    return moved, _same(here, there, known)


def only_there(shell: Shell, home: Home, known: Same) -> Moved:
    """Return what would be lost with the machine: entries, and files that are not here under any name."""
    here, mine = home.files(), home.ledger.lines()
    digests = {digest for digest, _ in here.values()}
    news = _news(_files_there(shell), here, known)
    files = {path: size for path, digest, size in news if digest not in digests}
    return Moved(sum(identity not in mine for identity in _ledger_there(shell)), files)


def _news(there: Files, here: Files, known: Same) -> Iterator[tuple[str, str, int]]:
    """Yield the files over there that have news: another content than here, and not the one that was sent."""
    for path, (digest, size) in there.items():
        if digest not in (_digest(here, path), known.get(path)):
            yield path, digest, size


def _digest(files: Files, path: str) -> str:
    return files.get(path, ("", 0))[0]


def _same(here: Files, there: Files, known: Same) -> Same:
    """Return the machine's files that are the same here, or were: a notebook is saved here again while it is open."""
    return {
        path: digest
        for path, (digest, _) in there.items()
        if digest in (_digest(here, path), known.get(path))
    }


def _travels(name: str) -> bool:
    path = PurePosixPath(name)
    patterns = next(
        (found for folder, found in _NAMES.items() if name.startswith(f"{folder}/")), ()
    )
    return (
        any(path.match(pattern) for pattern in patterns)
        and path.parts[:2] not in {("notebooks", "instructor"), ("notebooks", "source")}
        # Nothing hidden, and no way up.
        and not any(part.startswith(".") for part in path.parts)
    )


def _files_there(shell: Shell) -> Files:
    patterns = " -o ".join(f"-name {pattern}" for pattern in _PATTERNS)
    survey = script("survey", root=REMOTE_ROOT, folders=" ".join(_NAMES), patterns=patterns)
    # What another machine says is not trusted: neither to name another place, nor to be a hash and a size.
    seen = map(_SURVEYED.fullmatch, _run(shell, survey, "looking at what is there").splitlines())
    return {
        one["name"]: (one["digest"], int(one["size"]))
        for one in seen
        if one and _travels(one["name"])
    }


def _ledger_there(shell: Shell) -> dict[str, str]:
    # Packed, because samples are long texts of digits; whole, because a ledger is small beside one model.
    remote = f"{REMOTE_ROOT}/workspace/ledger.jsonl"
    packed = _run(
        shell, f"if [ -f {remote} ]; then gzip -c {remote} | base64; fi", "reading the ledger there"
    )
    text = (
        gzip.decompress(base64.b64decode(packed)).decode(errors="replace") if packed.strip() else ""
    )
    return Ledger.lines_of(text)


def _send_entries(shell: Shell, lines: list[str]) -> None:
    content = gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)
    digest = hashlib.sha256(content).hexdigest()
    arrived = f"entries-{digest[:12]}.gz"
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / arrived
        packed.write_bytes(content)
        send(shell, {f"workspace/{arrived}": (packed, digest)})
    _run(
        shell,
        script("append", root=REMOTE_ROOT, arrived=arrived),
        "adding entries to the ledger there",
    )


def send(
    shell: Shell, files: Mapping[str, tuple[Path, str]], on_file: Callable[[str], object] = str
) -> None:
    """Put files on the machine, each whole or not at all.

    Args:
        files: By path below the course's folder over there: where the file lies here, and its sha256.
        on_file: Told the path of each before it leaves.

    Raises:
        CommandFailedError: one did not arrive as it left; those before it did.
    """
    targets = {path: f"{REMOTE_ROOT}/{path}" for path in files}
    folders = sorted({str(PurePosixPath(target).parent) for target in targets.values()})
    if folders:  # once for all: each command is a connection of its own
        _run(shell, f"mkdir -p {shlex.join(folders)}", "making the folders of what is sent")
    for path, (source, digest) in files.items():
        on_file(path)
        # Under another name until it is whole: a model that is cut short must not be loaded by anybody.
        arriving = f"{targets[path]}.arriving"
        shell.put(source, arriving)
        names = shlex.join((arriving, targets[path]))
        move = f'seen=$( {_DIGEST.format(shlex.quote(arriving))}); [ "$seen" != {digest} ] || mv {names}; echo "$seen"'
        seen = _run(shell, move, f"moving {path} into place").strip()
        if seen != digest:
            raise CommandFailedError(
                f"{path} arrived as {seen[:12] or 'nothing'} instead of {digest[:12]}"
            )


def digest_there(shell: Shell, path: str) -> str:
    """Return the sha256 of a file on the machine; empty where it is missing."""
    return shell.run(_DIGEST.format(shlex.quote(path))).output.strip()


def fetch(shell: Shell, path: str, size: int, digest: str, target: Path) -> None:
    """Fetch a file in parts, whole or not at all.

    Raises:
        CommandFailedError: it broke off, or it changed on its way.
    """
    remote, content = shlex.quote(f"{REMOTE_ROOT}/{path}"), bytearray()
    while len(content) < size:
        # Base64, because the container service returns text, and a byte that is none would be replaced.
        command = f"tail -c +{len(content) + 1} {remote} | head -c {FETCH_BYTES} | base64"
        part = base64.b64decode(_run(shell, command, f"fetching {path}"))
        if not part:
            break
        content += part
    if hashlib.sha256(content).hexdigest() != digest:
        raise CommandFailedError(
            f"{path} changed on its way: it is being written over there; fetch it again"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    arriving = target.with_name(f".{target.name}.arriving")
    arriving.write_bytes(content)
    arriving.replace(target)


def _run(shell: Shell, command: str, doing: str) -> str:
    done = shell.run(command, timeout_s=PATIENCE_S)
    if done.exit_code != 0:
        raise CommandFailedError(
            f"{doing} ended with {done.exit_code}: {done.output.strip()[-500:]}"
        )
    return done.output
