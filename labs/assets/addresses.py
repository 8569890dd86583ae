"""Which address an asset is fetched from: environment variables first, then one TOML file; none is built in.

For the asset `food11`, either of these says where it is:

    SERVING_LABS_URL_FOOD11=https://…/Food-11.zip
    SERVING_LABS_SHA256_FOOD11=…                       (optional, recommended)

or, in the file that `$SERVING_LABS_CONFIG` names (by default `assets.toml` in the platform's configuration folder
for this course, which `python -m labs assets list` prints):

    [food11]
    url = "https://…/Food-11.zip"
    sha256 = "…"
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from labs.assets.errors import NotConfiguredError
from labs.assets.places import APP_NAME

#: Environment variable that names another configuration file.
CONFIG_VARIABLE = "SERVING_LABS_CONFIG"

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Address:
    """Where an asset is fetched from, and what it must be."""

    #: An http or https address of the file itself.
    url: str
    #: SHA-256 that the file must have, in lower case, or None when it is not known in advance.
    sha256: str | None

    @property
    def shown(self) -> str:
        """The address without user name, password and query, which may hold a token."""
        return shown_url(self.url)


def shown_url(url: str) -> str:
    """Return an address that is safe to print and to store: no user name, password, query or fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def config_file() -> Path:
    """Return the path of the configuration file, which need not exist."""
    chosen = os.environ.get(CONFIG_VARIABLE)
    return Path(chosen).expanduser() if chosen else platformdirs.user_config_path(APP_NAME) / "assets.toml"


def url_variable(name: str) -> str:
    """Return the environment variable for an asset's address, such as SERVING_LABS_URL_FOOD11."""
    return f"SERVING_LABS_URL_{name.upper().replace('-', '_')}"


def sha256_variable(name: str) -> str:
    """Return the environment variable for an asset's SHA-256, such as SERVING_LABS_SHA256_FOOD11."""
    return f"SERVING_LABS_SHA256_{name.upper().replace('-', '_')}"


def address_of(name: str) -> Address | None:
    """Return the configured address of an asset, or None when nobody has set one.

    Args:
        name: Name of an asset that is fetched, such as `food11`.

    Returns:
        The address, checked for its form only.

    Raises:
        NotConfiguredError: The setting is there but is not an address or not a SHA-256; often a share page's
            short code, a path, or a hash cut short by copying.
    """
    if url := os.environ.get(url_variable(name)):
        return _checked(url, os.environ.get(sha256_variable(name)), url_variable(name))
    file = config_file()
    try:
        with file.open("rb") as opened:
            settings = tomllib.load(opened)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise NotConfiguredError(
            f"{file} cannot be read as TOML ({error}); correct it or set {url_variable(name)}"
        ) from error
    section = settings.get(name)
    if section is None:
        return None
    if not isinstance(section, dict) or "url" not in section:
        raise NotConfiguredError(f'{file} has [{name}] without a line url = "https://…"')
    return _checked(section["url"], section.get("sha256"), str(file))


def _checked(url: object, sha256: object, told_by: str) -> Address:
    """Return the address when its parts have the right form."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotConfiguredError(f"{told_by} gives {url!r}, which is not an http(s) address of a file")
    if sha256 in (None, ""):
        return Address(str(url), None)
    lowered = str(sha256).strip().lower()
    if not _SHA256.fullmatch(lowered):
        raise NotConfiguredError(
            f"the SHA-256 beside {told_by} has {len(lowered)} characters; 64 hexadecimal digits are needed "
            "(`sha256sum FILE` prints them)"
        )
    return Address(str(url), lowered)
