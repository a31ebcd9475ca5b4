"""What an administrator may choose, and the places that the units rely on."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

CONFIG = Path("/etc/drafterd")
SETTINGS = CONFIG / "drafterd.yaml"
CREDENTIALS = CONFIG / "credentials" / "credentials.env"
UNITS = Path("/etc/systemd/system")
SYSUSERS = Path("/etc/sysusers.d/drafterd.conf")
TMPFILES = Path("/etc/tmpfiles.d/drafterd.conf")
APPARMOR = Path("/etc/apparmor.d/drafterd")
NGINX = Path("/etc/nginx/conf.d/drafterd.conf")
NGINX_MAIN = Path("/etc/nginx/modules-enabled/90-drafterd.conf")
"""For what stands outside of `http { }`."""

LOGROTATE = Path("/etc/logrotate.d/drafterd")
RECORD = CONFIG / "installed.json"
"""What was laid down; root's alone to write, because `uninstall` believes it."""

STATE = Path("/var/lib/drafterd")
LOGS = Path("/var/log/drafterd")
RUN = Path("/run/drafterd")
SUPERVISOR_SOCKET = Path("/run/drafterd-supervisor/supervisor.sock")
ACME = Path("/var/lib/drafterd-traefik/acme.json")
"""Where the proxy's own user keeps what it got."""

DRAFTS = Path("/srv/drafts")
TARGET = "drafterd.target"
DAEMON = "drafterd.service"
SOCKET = "drafterd-api.socket"
SUPERVISOR = "drafterd-supervisor.service"
TRAEFIK = "drafterd-traefik.service"
NGINX_PATH = "drafterd-nginx.path"
NGINX_RELOAD = "drafterd-nginx.service"


class Proxy(StrEnum):
    """What visitors meet."""

    TRAEFIK = "traefik"
    """the one of the extra, run by a unit of ours"""
    SYSTEM_TRAEFIK = "system-traefik"
    """one that the administrator runs"""
    SYSTEM_NGINX = "system-nginx"
    """the system's nginx"""

    @property
    def kind(self) -> str:
        """The word of the configuration."""
        return "nginx" if self is Proxy.SYSTEM_NGINX else "traefik"

    @property
    def reader(self) -> str:
        """The group that reads nginx's file of routes, of those that are there."""
        return "www-data" if self is Proxy.SYSTEM_NGINX else "drafterd-traefik"


class Supervisor(StrEnum):
    """What runs the drafts."""

    MANAGED = "managed"
    """a supervisord of drafterd's own, by a unit of ours"""
    EXISTING = "existing"
    """one that the administrator runs as the user drafterd-run"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What was chosen.

    Attributes:
        programs: The folder of the virtual environment's programs, as the units are to name it.
        public_url: What people type; counts only while there is no configuration yet, as the next two.
        listen: Where visitors come in.
        drafts: The watched folder.
        socket: The existing supervisord's socket.
        apparmor: Whether only programs that AppArmor knows may make user namespaces here.
    """

    programs: Path
    proxy: Proxy = Proxy.TRAEFIK
    supervisor: Supervisor = Supervisor.MANAGED
    public_url: str
    listen: str = "0.0.0.0:80"
    drafts: Path = DRAFTS
    socket: Path = SUPERVISOR_SOCKET
    apparmor: bool = False

    @property
    def services(self) -> tuple[str, ...]:
        """The units that must be active in the end, in the order in which they are started."""
        ours = {
            SUPERVISOR: self.supervisor is Supervisor.MANAGED,
            TRAEFIK: self.proxy is Proxy.TRAEFIK,
            NGINX_PATH: self.proxy is Proxy.SYSTEM_NGINX,
            SOCKET: True,
            DAEMON: True,
        }
        return tuple(name for name, wanted in ours.items() if wanted)
