"""What can go wrong between a name and a file on disk, one class for each way out."""

from __future__ import annotations


class AssetError(RuntimeError):
    """A model or data set could not be handed over; the message names the likely mistake and the way out."""


class UnknownAssetError(AssetError):
    """No model or data set has this name."""


class NotConfiguredError(AssetError):
    """The asset is fetched from an address that nobody has set, or that is not an address."""


class DownloadError(AssetError):
    """The server did not deliver the file; what did arrive is kept where a hash is known."""


class SpaceError(AssetError):
    """The disk has too little room for the file and for what is made of it."""


class IntegrityError(AssetError):
    """A file is not the one that was promised: another hash, another size, or pictures missing."""


class UnsafeFileError(AssetError):
    """A file asks for something that a picture archive or a weights file has no need of; it was not used."""
