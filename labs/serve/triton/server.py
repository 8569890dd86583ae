"""The real ``tritonserver`` as a child of the notebook, gone without a trace when it ends."""

import contextlib
import re
import secrets
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from labs.runtimes import child
from labs.runtimes.child import SECRET, Child, ChildError
from labs.runtimes.loopback import listen
from labs.runtimes.progress import OnProgress, part, silent
from labs.serve.triton.catalogue import ModelFolder, ModelRepository
from labs.serve.triton.control import KEY_HEADER, RESTRICTED, Triton, TritonError
from labs.serve.triton.environment import process_environment, tritonserver, write_around
from labs.workspace import workspace_dir

#: Where it listens.
HOST = "127.0.0.1"


class LocalTriton(Child, Triton):
    """A Triton that runs from the wheel, on this machine."""

    def __init__(self, child: Child, ports: Sequence[int], repository: ModelRepository, key: str):
        """Name a started process's addresses; ``start`` makes one."""
        http_port, grpc_port = ports[:2]
        Child.__init__(self, child.process, child.log_path)
        Triton.__init__(self, f"{HOST}:{http_port}", f"{HOST}:{grpc_port}", repository, key=key)

    def load(self, name: str) -> None:
        """Load a model; where Triton only says that polling failed, its log says why."""
        try:
            super().load(name)
        except TritonError as error:
            pattern = rf"Poll failed for model directory '{re.escape(name)}': (.*?)\"?$"
            complaints = re.findall(pattern, self.log(), re.MULTILINE)
            if "failed to poll" not in str(error) or not complaints:
                raise
            raise TritonError(f"{name} was not loaded: {complaints[-1]}") from error


def start(
    models: Iterable[ModelFolder] = (),
    *,
    repository: ModelRepository | None = None,
    load: Iterable[str] = (),
    within_s: float = 60.0,
    on_progress: OnProgress = silent,
) -> LocalTriton:
    """Return a ready server with these models loaded.

    Loading and unloading require a key, ``triton.headers``. A loopback port is open to every user
    of the machine and to every web page in its browsers, and a user who may load a model can run
    code as the server's owner.

    Args:
        models: The models that it serves; written to the repository first. An ensemble comes after
            its steps.
        repository: The folder of the models; one in the workspace when None. Without ``models`` it
            is only read.
        within_s: Seconds until the server (not yet its models) must answer.

    Raises:
        TritonUnavailableError: It cannot run on this machine; the message gives an alternative.
        TritonError: The server ended by itself, or a model cannot be loaded.
    """
    models = list(models)
    names = [*(model.name for model in models), *load]
    packages = tritonserver(part(on_progress, 0.0, 0.5))
    repository = repository or ModelRepository(workspace_dir() / "triton" / "models")
    repository.folder.mkdir(parents=True, exist_ok=True)
    repository.write(models)
    triton = _launch(packages, repository)
    try:
        triton.wait_for(
            triton.live, what="Triton", within_s=within_s, on_progress=part(on_progress, 0.5, 0.7)
        )
        for index, name in enumerate(names):
            share_loaded = index / len(names)
            on_progress(0.7 + 0.3 * share_loaded, f"loading {name}")
            triton.load(name)
    except ChildError as error:
        raise TritonError(str(error)) from None
    except BaseException:
        triton.stop()
        raise
    on_progress(1.0, f"Triton is ready at {triton.url}")
    return triton


def _launch(packages: Path, repository: ModelRepository) -> LocalTriton:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(listen(HOST)) for _ in range(3)]
        ports = [socket.getsockname()[1] for socket in sockets]
    folder = Path(tempfile.mkdtemp(prefix="labs-triton-"))
    write_around(packages, folder)
    key = secrets.token_hex(16)
    log_path = workspace_dir() / "logs" / f"triton-{ports[0]}.log"
    shared_memory = f"/dev/shm/{folder.name}*"
    process = child.start(
        _command(packages, folder, repository, ports),
        log_path,
        environment=process_environment(packages, folder),
        leftovers=[shared_memory, folder],
        secret=key,
    )
    return LocalTriton(process, ports, repository, key)


def _command(
    packages: Path, folder: Path, repository: ModelRepository, ports: Sequence[int]
) -> list[str]:
    """Return the server's program and options; ``ports`` are those of HTTP, gRPC and metrics."""
    command = [str(packages / "pytriton" / "tritonserver" / "bin" / "tritonserver")]
    command += [f"--model-repository={repository.folder}"]
    command += [f"--backend-directory={folder / 'backends'}"]
    for service, port in zip(("http", "grpc", "metrics"), ports, strict=True):
        command += [f"--{service}-port={port}", f"--{service}-address={HOST}"]
    command += ["--model-control-mode=explicit", "--exit-on-error=false", "--exit-timeout-secs=2"]
    command += [f"--http-restricted-api={RESTRICTED}:{KEY_HEADER}={SECRET}"]
    command += [f"--grpc-restricted-protocol={RESTRICTED}:{KEY_HEADER}={SECRET}"]
    # Completing a configuration starts every Python model once more, only to ask it; ours are
    # complete.
    command += ["--disable-auto-complete-config"]
    command += [f"--backend-config=python,shm-region-prefix-name={folder.name}"]
    return command
