"""What a server is started with: a folder of backends, and an interpreter for the Python models.

Both are made once, in the course's cache, and named for what is in them: they never change, and servers share them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from labs.assets.places import cache_dir
from labs.serve.triton.catalogue import CODE_DIR
from labs.serve.triton.environment import Installation, python_library_folder

#: Triton takes a folder that holds a model.py as a backend of the folder's name.
_ONNX_RUNTIME = CODE_DIR / "onnxruntime_backend.py"

#: The stub reads no environment variable of Python's, and would write bytecode beside each model.py, in anybody's
#: repository. A line of a .pth file is run when Python starts: packages alone keep their bytecode.
_NO_BYTECODE_IN_MODELS = (
    "import importlib.machinery as m; m.SourceFileLoader.set_data = lambda self, path, data, "
    "write=m.SourceFileLoader.set_data, **how: write(self, path, data, **how) if 'site-packages' in path else None\n"
)


def prepared(installation: Installation) -> Path:
    """Return a folder with ``backends/`` and ``interpreter/`` for this installation and the running Python."""
    named = f"{installation.folder} {sys.prefix} {sys.version} {_NO_BYTECODE_IN_MODELS}"
    what = named.encode() + _ONNX_RUNTIME.read_bytes()
    folder = cache_dir() / "triton" / hashlib.sha256(what).hexdigest()[:12]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
    _write_backends(partial / "backends", installation)
    _write_interpreter(partial / "interpreter", installation)
    try:
        partial.rename(folder)
    except OSError:  # another notebook was faster
        shutil.rmtree(partial)
    return folder


def process_environment(installation: Installation) -> dict[str, str]:
    """Return the environment variables under which the server and its Python models run."""
    misleading = {"PYTHONHOME", "PYTHONPATH", "LD_PRELOAD", "VIRTUAL_ENV"}
    kept = {name: value for name, value in os.environ.items() if name not in misleading}
    libraries = [str(installation.libraries), str(python_library_folder()), kept.get("LD_LIBRARY_PATH", "")]
    return kept | {
        "LD_LIBRARY_PATH": ":".join(filter(None, libraries)),
        # The stub embeds the Python whose python3 comes first on the PATH.
        "PATH": f"{prepared(installation) / 'interpreter' / 'bin'}:{kept.get('PATH', '')}",
        # A thread count of the notebook's must not reach the models: their configuration says how many.
        "OMP_NUM_THREADS": "1",
    }


def _write_backends(folder: Path, installation: Installation) -> None:
    """Write the wheel's Python backend with our Python's stub, and ONNX Runtime in Python.

    Copies, since Triton refuses links that lead out of the folder.
    """
    files = {f"python/{source.name}": source for source in installation.python_backend}
    files["onnxruntime/model.py"] = _ONNX_RUNTIME
    for place, source in files.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder / place)
        (folder / place).chmod(0o755)


def _write_interpreter(folder: Path, installation: Installation) -> None:
    """Write the smallest virtual environment: the running Python, with two folders of packages in this order.

    The stub ignores PYTHONPATH; a virtual environment's .pth file is what it does read. numpy comes from beside the
    server, everything else from the course's environment.
    """
    site = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    site.mkdir(parents=True)
    places = [installation.packages, *dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))]
    lines = _NO_BYTECODE_IN_MODELS + "".join(f"{place}\n" for place in places)
    (site / "course.pth").write_text(lines, encoding="utf-8")
    base = Path(getattr(sys, "_base_executable", None) or sys.executable)
    (folder / "bin").mkdir()
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(base)
    (folder / "pyvenv.cfg").write_text(
        f"home = {base.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
