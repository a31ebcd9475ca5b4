"""How the proxy speaks https: with given certificates, or with ones that Traefik gets by itself."""

from dataclasses import dataclass
from pathlib import Path

from drafterd.domain.model import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """What the proxy needs for https.

    Attributes:
        certificate: The chain in PEM, or None: Traefik gets one by ACME.
        key: Its private key; may be the same file.
        port: What people type after the host, or 443.
        plain: Where plain HTTP comes in and is sent to https, or None.
        email: For ACME: whom the authority may write to.
        storage: For ACME: where Traefik keeps what it got.
        server: For ACME: the authority; "" for Let's Encrypt.
    """

    certificate: Path | None = None
    key: Path | None = None
    port: int = 443
    plain: Address | None = None
    email: str = ""
    storage: Path | None = None
    server: str = ""

    @property
    def suffix(self) -> str:
        """The port as it stands in an address: nothing where it is the usual one."""
        return "" if self.port == 443 else f":{self.port}"  # noqa: PLR2004 - of https
