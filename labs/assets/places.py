"""Where assets are: the checkout's own folder, and the one address that others are fetched from.

Nothing is fetched until you say from where. Put the files as they are published, `Food-11.zip`, `food11.pth` and
`food11.onnx`, into one folder of a server or an object store, and set its address, with the SHA-256 of `Food-11.zip`
behind it as in pip's links (optional, recommended):

    SERVING_LABS_ASSETS_URL=https://…/folder/#sha256=…
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

#: Environment variable that says where the published files are.
URL_VARIABLE = "SERVING_LABS_ASSETS_URL"

#: The checkout's data: the small data set, the models, and the manifest with their hashes.
ASSETS_DIR = Path(__file__).resolve().parents[2] / "assets"


class AssetError(RuntimeError):
    """A model or data set could not be handed over; the message names the likely mistake and the way out."""


@dataclass(frozen=True)
class Address:
    """The folder on a server that holds the published files."""

    #: As it was set: http or https, perhaps with a password, a token in its query, and a hash behind it.
    url: str

    @property
    def sha256(self) -> str | None:
        """What Food-11.zip must have, in lower case; None when it is not known in advance."""
        return urlsplit(self.url).fragment.lower().removeprefix("sha256=") or None

    @property
    def shown(self) -> str:
        """The address without user name, password, query and hash, safe to print."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def of(self, file: str) -> str:
        """Return the address of a file in the folder; a query stays behind it."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{file}", fragment=""))


def address() -> Address | None:
    """Return where the published files are, or None when nobody has said so.

    Raises:
        AssetError: The setting is there but is no address; often a share page's short code, a path, or a hash
            cut short by copying.
    """
    said = os.environ.get(URL_VARIABLE, "").strip()
    if not said:
        return None
    parts = urlsplit(said)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AssetError(f"{URL_VARIABLE} holds {said!r}, which is not the http(s) address of a folder")
    if parts.fragment and not re.fullmatch("sha256=[0-9a-f]{64}", parts.fragment.lower()):
        raise AssetError(f"{URL_VARIABLE} ends in #{parts.fragment}: #sha256= and 64 hexadecimal digits are needed")
    return Address(said)
