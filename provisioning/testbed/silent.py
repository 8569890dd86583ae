"""Several sites are asked, and one that does not answer neither hides the others nor counts as a no."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from provisioning.testbed.errors import NotSignedInError, ProvisioningError


class Silent(dict[Any, ProvisioningError]):
    """Sites, or kinds of machines at them, that did not answer, each with its error."""

    @contextmanager
    def at(self, site: Hashable) -> Iterator[None]:
        """Keep the error of what is asked of a site, and go on.

        Raises:
            NotSignedInError: no site is to blame for it, and none would answer.
        """
        try:
            yield
        except NotSignedInError:
            raise
        except ProvisioningError as error:
            self[site] = error

    @property
    def said(self) -> str:
        """What they said: each cause once, after the sites that gave it."""
        causes: dict[str, dict[str, None]] = {}
        for key, error in self.items():
            site = str(getattr(key, "site", key))
            cause = error.what.rpartition(f" at {site}: ")[2]
            causes.setdefault(cause, {})[site] = None
        return "; ".join(f"{', '.join(sites)}: {cause}" for cause, sites in causes.items())

    @property
    def ways_out(self) -> str:
        """What to do about them, a line for each way out; empty where all answered."""
        return "\n".join(
            f"Way out: {out}" for out in dict.fromkeys(error.way_out for error in self.values())
        )

    def check(self, unknown: str, way_out: str = "") -> None:
        """Let an answer stand only if every site gave one.

        Args:
            unknown: what nobody knows otherwise, as in ``"nobody knows whether you have a lease"``.
            way_out: more of it than the first error has.

        Raises:
            ProvisioningError: of the first silent site's kind, with what all of them said.
        """
        for first in self.values():
            out = f"{first.way_out} {way_out}".strip()
            raise type(first)(
                f"{unknown}: {self.said}", likely=first.likely, way_out=out
            ) from first
