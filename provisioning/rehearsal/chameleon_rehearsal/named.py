"""A site that python-chi finds by name: KVM@TACC, whose https address it has built in and looks up
in no list.

`startup/sockets.py` leads that name to a port of loopback, where the same application answers over
TLS. The certificate is the folder's own, and only who reads `OS_CAFILE` trusts it.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chameleon_rehearsal import place
from chameleon_rehearsal.catalogue import Catalogue


class ByName:
    """ASGI middleware that sends a request for a site's own address where its paths are served for
    all sites.

    That is at the root, a host and port such as `127.0.0.1:4711`.
    """

    def __init__(
        self, app: Callable[..., Awaitable[None]], catalogue: Catalogue, root: str
    ) -> None:
        self._app = app
        self._sites = {site.host: site.where for site in catalogue.sites.values() if site.host}
        self._root = (b"host", root.encode())

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            name, _, port = headers.get(b"host", b"").decode("latin-1").partition(":")
            # The path by which everybody else finds the site; links in the answer lead to the plain
            # port then.
            path = f"/{self._sites.get(name.lower(), 'nowhere')}:{port}{scope['path']}"
            rest = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope |= {
                "scheme": "http",
                "path": path,
                "raw_path": path.encode(),
                "headers": [*rest, self._root],
            }
        await self._app(scope, receive, send)


def certificate(home: Path, catalogue: Catalogue) -> tuple[Path, Path]:
    """Return a certificate for the names of a catalogue's sites and its private key, both new and
    in the folder.
    """
    names = [site.host for site in catalogue.sites.values() if site.host]
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a rehearsal on this computer")])
    covered = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1))
    builder = builder.not_valid_after(now + timedelta(days=3650))
    builder = builder.add_extension(covered, critical=False)
    signed = builder.sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    public = signed.public_bytes(serialization.Encoding.PEM)
    place.replace(home / place.CERTIFICATE, public.decode())
    place.replace(home / "certificate.key", secret.decode())
    return home / place.CERTIFICATE, home / "certificate.key"
