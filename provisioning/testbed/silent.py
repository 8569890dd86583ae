"""Ask several sites: a silent site does not hide the others, and its silence does not count as a
no.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from provisioning.testbed.errors import NotSignedInError, ProvisioningError


class Silent(dict[Any, ProvisioningError]):
    """Sites, or kinds of machines at them, that did not answer, each with its error."""

    @contextmanager
    def at(self, site: Hashable) -> Iterator[None]:
        """Store the error of a request to a site, and continue.

        Raises:
            NotSignedInError: the sign-in is missing, so no site would answer.
        """
        try:
            yield
        except NotSignedInError:
            raise
        except ProvisioningError as error:
            self[site] = error

    @property
    def causes(self) -> str:
        """Why they did not answer: each cause once, after the sites that gave it."""
        sites_by_cause: dict[str, dict[str, None]] = {}
        for key, error in self.items():
            site = str(getattr(key, "site", key))
            cause = error.what.rpartition(f" at {site}: ")[2]
            sites_by_cause.setdefault(cause, {})[site] = None
        parts = []
        for cause, sites in sites_by_cause.items():
            names = ", ".join(sites)
            parts.append(f"{names}: {cause}")
        return "; ".join(parts)

    @property
    def ways_out(self) -> str:
        """The possible fixes, one per line; empty where all answered."""
        ways_out = dict.fromkeys(error.way_out for error in self.values())
        return "\n".join(f"Fix: {way_out}" for way_out in ways_out)

    def check(self, unknown: str, way_out: str = "") -> None:
        """Accept an answer only if every site gave one.

        Args:
            unknown: the open question, as in ``"nobody knows whether you have a lease"``.
            way_out: an addition to the first error's fix.

        Raises:
            ProvisioningError: of the first silent site's kind, with the messages of all sites.
        """
        for first in self.values():
            what = f"{unknown}: {self.causes}"
            first_way_out = f"{first.way_out} {way_out}".strip()
            raise type(first)(what, likely=first.likely, way_out=first_way_out) from first
