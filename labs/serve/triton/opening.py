"""Which Triton a lesson talks to: the same lines on a laptop and on a GPU node."""

import shutil
from pathlib import Path

from labs import assets
from labs.runtimes.progress import OnProgress, silent
from labs.serve.triton.catalogue import ModelRepository, beside
from labs.serve.triton.control import Triton
from labs.serve.triton.environment import TritonUnavailableError
from labs.serve.triton.server import LocalTriton, start
from labs.workspace import PROJECT_DIR, NotWrittenError, programs_dir, require_written

#: Where provisioning/node/p100/compose.yaml puts NVIDIA's container: HTTP, gRPC, and its repository
#: on the host.
CONTAINER_HTTP = "127.0.0.1:8000"
CONTAINER_GRPC = "127.0.0.1:8001"
CONTAINER_REPOSITORY = Path("~/models")
#: Where its set-up keeps the key of its restricted APIs.
CONTAINER_KEY = PROJECT_DIR / "provisioning" / "node" / "p100" / ".env"

#: What ``serve`` has started in this process; one at most.
_STARTED: list[LocalTriton] = []


def serve(repository: Path, on_progress: OnProgress = silent) -> LocalTriton:
    """Return the wheel's Triton on a model repository, which it only reads.

    Nothing is loaded yet: ``client.load_model(name, headers=triton.headers)`` does that, with
    Triton's own client. One that this notebook started here before is stopped first: a cell that is
    run twice leaves one server.

    Raises:
        TritonUnavailableError: It cannot run on this machine; the message says what to do instead.
        NotWrittenError: A ``model.py`` or ``config.pbtxt`` is not written yet.
    """
    require_written(_texts(repository))
    while _STARTED:
        _STARTED.pop().stop()
    _STARTED.append(start(repository=ModelRepository(repository), on_progress=on_progress))
    return _STARTED[-1]


def open_repository(repository: Path) -> Triton:
    """Return a Triton on a repository, without loaded models: the node's container, or the wheel's.

    The container reads a separate repository, which gets a copy of the models. Edit configurations
    there, in ``triton.repository.folder``.

    Raises:
        TritonUnavailableError: The node's container does not answer; or both a container and a
            wheel for this machine are missing.
        NotWrittenError: A ``model.py`` or ``config.pbtxt`` is not written yet.
    """
    if not CONTAINER_KEY.is_file():
        return serve(repository)
    require_written(_texts(repository))
    lines = CONTAINER_KEY.read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line)
    models = ModelRepository(CONTAINER_REPOSITORY.expanduser())
    container = Triton(CONTAINER_HTTP, CONTAINER_GRPC, models, key=settings["LABS_TRITON_KEY"])
    if not container.live():
        # Not the wheel's server instead: a lesson would measure a processor where it means the GPU.
        raise TritonUnavailableError(
            "NVIDIA's container on this machine does not answer: it is still being downloaded "
            "and built, or it has failed. Read its log, ~/.serving-labs/jobs/containers/log. To "
            "start it again, run the steps of *Reserve a system* again."
        )
    models.copy(ModelRepository(repository))
    # An earlier lesson's models hold memory. Ensembles are unloaded before their steps.
    loaded = container.loaded()
    for name in reversed(models.names()):
        if loaded.get(name) == "READY":
            container.unload(name)
    return container


def _texts(repository: Path) -> list[Path]:
    """Return the texts that lessons ask students to write.

    Triton would load an unwritten stub, but then answer no request.
    """
    return sorted([*repository.glob("*/*/model.py"), *repository.glob("*/config.pbtxt")])


def lesson_repository() -> Path:
    """Return the repository that the lessons on Triton write, ``programs/repository``.

    Raises:
        NotWrittenError: ``food_classifier`` is not there; the message names the lesson that writes
            it.
    """
    repository = programs_dir() / "repository"
    folder = repository / "food_classifier" / "1"
    if not (folder / "model.py").is_file():
        raise NotWrittenError(
            f"There is no `{folder / 'model.py'}` yet. Write it in *Serve with Triton* first."
        )
    # A student's files are copied to a machine; these files are not.
    for name, source in beside(assets.model()).items():
        shutil.copyfile(source, folder / name)
    return repository
