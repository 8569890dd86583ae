"""The real ``tritonserver`` as a child of the notebook: started, waited for, watched, and gone without a trace."""

from __future__ import annotations

import contextlib
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from labs.progress import OnProgress, part, silent
from labs.serve.triton import supervisor
from labs.serve.triton.backends import prepared, process_environment
from labs.serve.triton.catalogue import ModelFolder
from labs.serve.triton.control import KEY_HEADER, RESTRICTED, Triton, TritonError
from labs.serve.triton.environment import Installation, tritonserver
from labs.serve.triton.repository import ModelRepository
from labs.workspace import workspace_dir

#: Answers that the local response cache keeps, in bytes; a photo's class with its request's hash takes well under 1 kB.
CACHE_BYTES = 16 * 2**20

#: Times that free ports are looked for again after somebody else took one between the look and the start.
_PORT_ATTEMPTS = 3


class LocalTriton(Triton):
    """A Triton that runs from the wheel, on this machine."""

    def __init__(
        self,
        process: subprocess.Popen,
        ports: tuple[int, int, int],
        host: str,
        repository: ModelRepository,
        log: Path,
        key: str,
    ) -> None:
        """Hold a started process; ``start`` makes one."""
        near = "127.0.0.1" if host == "0.0.0.0" else host
        super().__init__(f"{near}:{ports[0]}", f"{near}:{ports[1]}", repository, key=key)
        self.process, self.log_path, self.metrics_url = process, log, f"http://{near}:{ports[2]}/metrics"

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self.process.poll() is None

    @property
    def pid(self) -> int:
        """Number of the process that keeps the server; the server and its models are its children."""
        return self.process.pid

    def memory_bytes(self) -> int:
        """Return the memory that the server and its models hold, each shared page counted once among its sharers."""
        held = 0
        for one in psutil.Process(self.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):  # a copy from before a change may be ending just now
                held += one.memory_full_info().pss
        return held

    def log(self, characters: int = 3000) -> str:
        """Return the end of the server's log."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")[-characters:]

    def stop(self, within_s: float = supervisor.GRACE_S + 5) -> None:
        """End the server and all its models; again is fine."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)  # the server dies with its supervisor
            self.process.wait()

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

    def __enter__(self) -> LocalTriton:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    models: Iterable[ModelFolder] = (),
    *,
    repository: ModelRepository | None = None,
    load: Iterable[str] = (),
    host: str = "127.0.0.1",
    ports: tuple[int, int, int] | None = None,
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
        host: Address to listen on; loopback unless the network is really meant.
        ports: For HTTP, gRPC and metrics; free ones when None.
        shared_memory: Let clients hand over tensors in shared memory without the key, as perf_analyzer has to. Any
            user of the machine may then name regions of its owner's.
        within_s: Seconds until the server (not yet its models) must answer.
        on_progress: Told what is happening; may raise ``Cancelled``.

    Raises:
        TritonUnavailableError: It cannot run on this machine; the message says what to do instead.
        TritonError: A port is taken, the server ended by itself, or a model cannot be loaded.
    """
    models = list(models)
    names = list(dict.fromkeys([*(model.name for model in models), *load]))
    installation = tritonserver(part(on_progress, 0.0, 0.5))
    repository = repository or ModelRepository(workspace_dir() / "triton" / "models")
    repository.folder.mkdir(parents=True, exist_ok=True)
    repository.write(models)
    for left in reversed(range(1 if ports else _PORT_ATTEMPTS)):
        triton = _launch(installation, repository, host, ports or _free_ports(host), shared_memory)
        try:
            _wait(triton, within_s, part(on_progress, 0.5, 0.7))
            break
        except TritonError as error:
            if not left or "taken" not in str(error):
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


def _launch(
    installation: Installation, repository: ModelRepository, host: str, ports: tuple[int, int, int], shared_memory: bool
) -> LocalTriton:
    log = workspace_dir() / "logs" / f"triton-{ports[0]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    backends = prepared(installation) / "backends"
    prefix = f"labs-triton-{uuid.uuid4().hex[:12]}"
    command = [str(installation.server), f"--model-repository={repository.folder}", f"--backend-directory={backends}"]
    command += [f"--{name}-port={port}" for name, port in zip(("http", "grpc", "metrics"), ports, strict=True)]
    command += [f"--{name}-address={host}" for name in ("http", "grpc", "metrics")]
    command += ["--model-control-mode=explicit", "--exit-on-error=false", "--exit-timeout-secs=2"]
    # For models whose configuration asks for it: response_cache { enable: true }.
    command += [f"--cache-directory={installation.folder / 'caches'}", f"--cache-config=local,size={CACHE_BYTES}"]
    restricted = RESTRICTED if shared_memory else f"{RESTRICTED},shared-memory"
    command += [f"--http-restricted-api={restricted}:{KEY_HEADER}={supervisor.KEY_PLACE}"]
    command += [f"--grpc-restricted-protocol={restricted}:{KEY_HEADER}={supervisor.KEY_PLACE}"]
    key = secrets.token_hex(16)
    # Completing a configuration starts every Python model once more, only to ask it; ours are complete.
    command += ["--disable-auto-complete-config", f"--backend-config=python,shm-region-prefix-name={prefix}"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-I", supervisor.__file__, prefix, *command],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=process_environment(installation) | {supervisor.KEY_VARIABLE: key},
            start_new_session=True,  # an interrupt of the cell is not an interrupt of the server
        )
    return LocalTriton(process, ports, host, repository, log, key)


def _free_ports(host: str) -> tuple[int, int, int]:
    """Return three ports that nobody listens on right now."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(3):
            one = stack.enter_context(socket.socket())
            one.bind((host, 0))
            found.append(one.getsockname()[1])
    return tuple(found)


def _wait(triton: LocalTriton, within_s: float, on_progress: OnProgress) -> None:
    """Return when the server answers; stop it and raise where it never will."""
    begin_s = time.monotonic()
    try:
        while (spent_s := time.monotonic() - begin_s) < within_s:
            on_progress(min(0.99, spent_s / 3), f"waiting for Triton: {spent_s:.1f} s")
            if not triton.alive:
                raise TritonError(_ended(triton))
            if triton.ready():
                return
            time.sleep(0.05)
        raise TritonError(f"Triton did not answer within {within_s:g} s; the end of its log:\n{triton.log()}")
    except BaseException:
        triton.stop()
        raise


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


def _ended(triton: LocalTriton) -> str:
    log = triton.log(6000)
    if re.search(r"address already in use|Unavailable - Socket|failed to start (HTTP|GRPC)|Failed to bind", log, re.I):
        return (
            f"a port of {triton.http} or {triton.grpc} is taken by another program: stop it, or leave `ports` out and "
            f"free ones are chosen. The log says: {log.strip().splitlines()[-1]}"
        )
    return f"Triton ended by itself with status {triton.process.returncode}; the end of its log:\n{log[-1500:]}"


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
