"""What an administrator's own supervisord and Traefik must be, so that drafterd can use them."""

from collections.abc import Iterator

from drafterd.config import Config
from drafterd.install.choices import Choices, Proxy, Supervisor

RUN_USER = "drafterd-run"
PROXY_USER = "drafterd-traefik"
_MAKE = """systemd-sysusers --inline 'u {user} - "drafterd {what}" /nonexistent'"""
MAKE_RUN_USER = _MAKE.format(user=RUN_USER, what="running drafts")
MAKE_PROXY_USER = _MAKE.format(user=PROXY_USER, what="proxy")

_SUPERVISOR = """\
Your own supervisord has to be there first. It runs as the user {user}; where that is not there yet:
  {make}
Its configuration holds, beside what you have in it:
  [unix_http_server]
  file = {socket}
  chmod = 0660
  [supervisord]
  umask = 027
  minfds = 4096
  [rpcinterface:supervisor]
  supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
  [include]
  files = {programs}/*.conf
The folder of the socket must let {user} write and the user drafterd, a member of the group {user}, enter."""

_TRAEFIK = """\
Your own Traefik has to read the file of routes, which lies there once this has run. Its static configuration holds:
  providers: {{file: {{filename: {routes}, watch: true}}, providersThrottleDuration: 10ms}}
  entryPoints: {{web: {{address: ":80"}}, traefik: {{address: "{dashboard}"}}}}
  api: {{insecure: true}}
  ping: {{entryPoint: traefik}}
  metrics: {{prometheus: {{entryPoint: traefik, addServicesLabels: true}}}}
where `web` is the entry point that visitors come in at. Its user has to be a member of the group {group}.
Restart it after this has run, and run the same command again: it ends well when Traefik tells of the routes."""


def needs(choices: Choices, config: Config) -> Iterator[str]:
    """What to tell of each of them, in order."""
    if choices.supervisor is Supervisor.EXISTING:
        yield _SUPERVISOR.format(
            user=RUN_USER, make=MAKE_RUN_USER, socket=config.supervisor_socket, programs=config.layout().programs
        )
    if choices.proxy is Proxy.SYSTEM_TRAEFIK:
        yield _TRAEFIK.format(routes=config.layout().traefik_routes, dashboard=config.proxy.dashboard, group=PROXY_USER)
