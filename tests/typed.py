"""``python -m tests.typed``: mypy over the packages of deep dives, by the names by which they are
imported.

mypy finds a module by its folder, and knows no ``__path__``. So it is shown ``labs`` as students
have it, with each package as a plain folder.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from labs.workspace import PROJECT_DIR, deeper_packages


def main() -> int:
    """Print what mypy finds; return its exit status."""
    with tempfile.TemporaryDirectory(prefix="typed-") as folder:
        labs = Path(folder) / "labs"
        deeper = labs / "deeper"
        deeper.mkdir(parents=True)
        for path in (PROJECT_DIR / "labs").iterdir():
            if path.name != "deeper":
                (labs / path.name).symlink_to(path)
        (deeper / "__init__.py").symlink_to(PROJECT_DIR / "labs" / "deeper" / "__init__.py")
        for id, package in deeper_packages().items():
            (deeper / id).symlink_to(package)
        settings = ["--config-file", str(PROJECT_DIR / "pyproject.toml")]
        cache = ["--cache-dir", str(PROJECT_DIR / ".mypy_cache" / "deeper")]
        command = [sys.executable, "-m", "mypy", *settings, *cache, "-p", "labs.deeper"]
        return subprocess.run(command, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
