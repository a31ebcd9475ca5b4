"""The keys of the proxy before the drafts."""

from typing import Literal

from pydantic import Field, StrictBool

from drafterd.config import values
from drafterd.config.section import Section
from drafterd.domain.model import Address


class TlsConfig(Section):
    """How the proxy speaks https at `proxy.listen`; nothing of it: not at all."""

    certificate: values.FilePath | None = None
    """The certificate with its chain, PEM."""
    key: values.FilePath | None = None
    """Its private key, PEM."""
    acme_email: str = Field(default="", pattern=r"^[^@\s]+@[^@\s]+$|^$")
    """With Traefik: have it get certificates by itself; whom the authority may write to."""
    acme_server: str = Field(default="", pattern=r"^https://\S+$|^$")
    """The authority; default Let's Encrypt."""
    plain: values.Listen | None = None
    """Where plain HTTP comes in and is sent to https, e.g. 0.0.0.0:80."""

    @property
    def wanted(self) -> bool:
        """Whether https is to be spoken."""
        return bool(self.certificate or self.acme_email)


class ProxyConfig(Section):
    """The reverse proxy before the drafts."""

    kind: Literal["traefik", "nginx"] = "traefik"
    """Which proxy."""
    managed: StrictBool | None = None
    """Whether drafterd starts it (under supervisord); default true in `up`, false in `run`."""
    listen: values.Listen = Address("127.0.0.1", 8080)
    """Where visitors come in."""
    dashboard: values.LoopbackListen = Address("127.0.0.1", 8742)
    """Where the proxy answers about itself: Traefik's dashboard and API, nginx's table and status."""
    response_timeout: values.PositiveDuration = 60.0
    """How long a draft may take until its answer begins; then a page of ours takes its place."""
    test: tuple[str, ...] = ()
    """For an nginx that drafterd does not start: the command that tests its configuration, e.g. [nginx, -t]."""
    reload: tuple[str, ...] = ()
    """And the one that reloads it; none: it is reloaded by others whenever the file of routes changes."""
    access_log: values.FilePath | None = None
    """Traefik's access log, in JSON; default none. On a server /var/log/drafterd-traefik/access.log.

    That is where its unit may write, and what logrotate keeps small.
    """
    tls: TlsConfig = TlsConfig()
    """How it speaks https."""
