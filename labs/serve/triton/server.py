"""The real ``tritonserver`` as a child of the notebook: started, waited for, watched, and gone without a trace."""

from __future__ import annotations

import contextlib
import re
import secrets
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from labs.runtimes import child
from labs.runtimes.child import SECRET, Child, ChildError
from labs.runtimes.loopback import listen
from labs.runtimes.progress import OnProgress, part, silent
from labs.serve.triton.catalogue import ModelFolder, ModelRepository
from labs.serve.triton.control import KEY_HEADER, RESTRICTED, Triton, TritonError
from labs.serve.triton.environment import Installation, prepared, process_environment, tritonserver
from labs.workspace import workspace_dir

#: Answers that the local response cache keeps, in bytes; a photo's class with its request's hash takes well under 1 kB.
CACHE_BYTES = 16 * 2**20

#: Where it listens.
HOST = "127.0.0.1"

#: What its log says where a port is taken.
_PORT_TAKEN = re.compile(
    r"address already in use|Unavailable - Socket|failed to start (HTTP|GRPC)|Failed to bind", re.I
)
#: Times that free ports are looked for again after somebody else took one between the look and the start.
_PORT_ATTEMPTS = 3


class LocalTriton(Child, Triton):
    """A Triton that runs from the wheel, on this machine."""

    def __init__(self, child: Child, ports: Sequence[int], repository: ModelRepository, key: str):
        """Name a started process's addresses; ``start`` makes one."""
        http, grpc, metrics = (f"{HOST}:{port}" for port in ports)
        Child.__init__(self, child.process, child.log_path)
        Triton.__init__(self, http, grpc, repository, key=key)
        self.metrics_url = f"http://{metrics}/metrics"

    def _log_mark(self) -> int:
        return self.log_path.stat().st_size if self.log_path.is_file() else 0

    def _explained(self, name: str, reason: str, mark: int) -> str:
        with self.log_path.open("rb") as file:
            file.seek(mark)
            told = reasons_in(file.read().decode(errors="replace"))
        # Triton answers a broken file with 'failed to read' or 'failed to poll'; its log has the line that matters.
        vague = "poll" in reason or "failed to read text proto" in reason
        text = told[-1] if vague and told else re.sub(r"^load failed for model .*? state: ", "", reason)
        text = text.strip().rstrip(";")
        return f"{name} was not loaded: {text}{_advice(text)}"


def start(
    models: Iterable[ModelFolder] = (),
    *,
    repository: ModelRepository | None = None,
    load: Iterable[str] = (),
    shared_memory: bool = False,
    within_s: float = 60.0,
    on_progress: OnProgress = silent,
) -> LocalTriton:
    """Return a ready server with these models loaded.

    Loading and unloading ask for a key, ``triton.headers``: a loopback port is open to every user of the machine and
    to every web page in its browsers, and whoever may load a model may run code as the server's owner.

    Args:
        models: What it serves; written to the repository first.
        repository: Where the models lie; a folder in the workspace when None. Without ``models`` it is only read.
        load: Names of models that lie there already, and are loaded too.
        shared_memory: Let clients hand over tensors in shared memory without the key, as perf_analyzer has to. Any
            user of the machine may then name regions of its owner's.
        within_s: Seconds until the server (not yet its models) must answer.
        on_progress: Told what is happening; may raise ``Cancelled``.

    Raises:
        TritonUnavailableError: It cannot run on this machine; the message says what to do instead.
        TritonError: The server ended by itself, or a model cannot be loaded.
    """
    models = list(models)
    names = list(dict.fromkeys([*(model.name for model in models), *load]))
    installation = tritonserver(part(on_progress, 0.0, 0.5))
    repository = repository or ModelRepository(workspace_dir() / "triton" / "models")
    repository.folder.mkdir(parents=True, exist_ok=True)
    repository.write(models)
    for left in reversed(range(_PORT_ATTEMPTS)):
        triton = _launch(installation, repository, shared_memory)
        try:
            _wait(triton, within_s, part(on_progress, 0.5, 0.7))
            break
        except TritonError as error:
            if not left or not _PORT_TAKEN.search(str(error)):
                raise
    try:
        load_all(triton, names, part(on_progress, 0.7, 1.0))
    except BaseException:
        triton.stop()
        raise
    return triton


def reasons_in(log: str) -> list[str]:
    """Return what a piece of Triton's log complains about, without times and places, the most telling last."""
    found, parsing = [], []
    for line in log.splitlines():
        parse = re.search(r"Error parsing text-format \S+: (.*)$", line)
        match = re.match(r'[EW]\d{4} \S+ \d+ \S+\] "?(.*?)"?$', line)
        if parse:
            parsing.append(f"config.pbtxt, line:column {parse[1]}")
        elif match and not re.search(r"^failed to load|CUDA|Cuda|DCGM", match[1]):
            found.append(re.sub(r"^Poll failed for model directory '[^']*': ", "", match[1]))
    return found + parsing


def _launch(installation: Installation, repository: ModelRepository, shared_memory: bool) -> LocalTriton:
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(listen(HOST)).getsockname()[1] for _ in range(3)]
    backends = prepared(installation) / "backends"
    prefix = f"labs-triton-{uuid.uuid4().hex[:12]}"
    command = [str(installation.server), f"--model-repository={repository.folder}", f"--backend-directory={backends}"]
    command += [f"--{name}-port={port}" for name, port in zip(("http", "grpc", "metrics"), ports, strict=True)]
    command += [f"--{name}-address={HOST}" for name in ("http", "grpc", "metrics")]
    command += ["--model-control-mode=explicit", "--exit-on-error=false", "--exit-timeout-secs=2"]
    # For models whose configuration asks for it: response_cache { enable: true }.
    command += [f"--cache-directory={installation.folder / 'caches'}", f"--cache-config=local,size={CACHE_BYTES}"]
    restricted = RESTRICTED if shared_memory else f"{RESTRICTED},shared-memory"
    command += [f"--http-restricted-api={restricted}:{KEY_HEADER}={SECRET}"]
    command += [f"--grpc-restricted-protocol={restricted}:{KEY_HEADER}={SECRET}"]
    key = secrets.token_hex(16)
    # Completing a configuration starts every Python model once more, only to ask it; ours are complete.
    command += ["--disable-auto-complete-config", f"--backend-config=python,shm-region-prefix-name={prefix}"]
    process = child.start(
        command,
        workspace_dir() / "logs" / f"triton-{ports[0]}.log",
        environment=process_environment(installation),
        leftovers=[f"/dev/shm/{prefix}*"],
        secret=key,
    )
    return LocalTriton(process, ports, repository, key)


def _wait(triton: LocalTriton, within_s: float, on_progress: OnProgress) -> None:
    """Return when the server answers; it is stopped where it never will."""
    try:
        triton.wait_for(triton.ready, what="Triton", within_s=within_s, on_progress=on_progress)
    except ChildError as error:
        raise TritonError(str(error)) from None


def load_all(triton: Triton, names: list[str], on_progress: OnProgress) -> None:
    """Load the models side by side, then the ensembles that are made of them."""
    wanted = sorted(names, key=triton.repository.names().index)
    alone = [name for name in wanted if 'platform: "ensemble"' not in triton.repository.config(name)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        for index, _ in enumerate(pool.map(triton.load, alone), start=1):
            on_progress(index / (len(wanted) + 1), f"loaded {alone[index - 1]}")
    for name in wanted:
        if name not in alone:
            triton.load(name)
    on_progress(1.0, f"Triton is ready at {triton.url}")


def _advice(text: str) -> str:
    """Return what to do about a reason, where it is one of the usual ones."""
    for sign, advice in (
        ("line:column", " Field names are those of Triton's ModelConfig."),
        ("failed to open text file", " The model has no config.pbtxt."),
        ("ModuleNotFoundError", " The Python that runs Triton's models lacks this package: 'make setup' installs it."),
        (
            "unable to find backend",
            " The backends here are 'python' and 'onnxruntime': mend `backend` in config.pbtxt.",
        ),
    ):
        if sign in text:
            return advice
    return ""
