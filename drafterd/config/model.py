"""The model of the configuration: every key, its default and its meaning.

The docstring under a key is what `drafterd config schema` and the documentation print.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator

from drafterd.config import checks, credentials, masking, sources, values
from drafterd.domain.model import Address, AddressKind
from drafterd.layout import Layout

DEFAULT_ENV: Mapping[str, str] = {
    # A development value, the one that the hand-made predecessor used; `doctor` flags it.
    "DATABASE_URL": "postgresql://mobius:mobius@db:5432/mobius",
    "GROQ_BASE_URL": "https://api.groq.com/openai/v1",
    "GROQ_MODEL": "openai/gpt-oss-120b",
}
"""The variables that every draft gets even when the operator gives none.

PORT, NEXTAUTH_URL and AUTH_URL are facts of the host and come from the fixes.
"""

_HTTP_PORT = 80
_SOCKET_FOLDER_MAX = 70
"""Bytes: a unix socket's path has room for about a hundred, its file name included."""


def _default_env() -> dict[str, str | None]:
    return {**DEFAULT_ENV}


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False, validate_default=False
    )


class PortsConfig(_Section):
    """The pool of home ports."""

    first: values.Port = 3001
    """First home port of drafts."""
    last: values.Port = 3999
    """Last home port of drafts."""


class ApiConfig(_Section):
    """The daemon's own HTTP: API and dashboard; never behind the proxy."""

    listen: values.LoopbackListen = Address("127.0.0.1", 8740)
    """Where the API and the dashboard listen: the loopback only."""
    socket: values.FilePath | None = None
    """The unix socket of the API; default `<sockets>/drafterd.sock`."""
    token_file: values.FilePath | None = None
    """The file with the token, made at first start, 0600; default `<state>/token`."""


class EdgeConfig(_Section):
    """What the proxy asks for everything that no draft answers."""

    listen: values.LoopbackListen = Address("127.0.0.1", 8741)
    """Where the waiting and failed pages, redirects and static drafts are answered."""


class ProxyConfig(_Section):
    """The reverse proxy before the drafts."""

    kind: Literal["traefik"] = "traefik"
    """Which proxy."""
    managed: StrictBool | None = None
    """Whether drafterd starts it (under supervisord); default true in `up`, false in `run`."""
    listen: values.Listen = Address("127.0.0.1", 8080)
    """Where visitors come in."""
    dashboard: values.LoopbackListen = Address("127.0.0.1", 8742)
    """Where the proxy's own dashboard and API listen."""


class RuntimeConfig(_Section):
    """What runs the drafts."""

    kind: Literal["supervisord"] = "supervisord"
    """Which process supervisor."""
    managed: StrictBool | None = None
    """Whether drafterd starts it; default true in `up`, false in `run`."""
    socket: values.FilePath | None = None
    """Its unix socket; default `<sockets>/supervisor.sock`."""


class BuildConfig(_Section):
    """How drafts are built."""

    slots: values.Slots = None
    """Builds at once; `auto` is one per two cores."""
    timeout: values.PositiveDuration = 600.0
    """Deadline of a whole build."""
    memory_max: values.Size = 3 << 30
    """What all processes of a build may take together."""
    disk_max: values.Size = 10 << 30
    """What a build may write into its folders."""
    sandbox: values.SandboxWord = "auto"
    """How builds are confined; `auto` is the strongest that works here, and the status says which."""
    network: Literal["internet", "registry", "off"] = "internet"
    """What builds reach: all, the registry only, or nothing but that when dependencies are installed.

    Never what listens on this machine or in private networks, where the fence can be had: the status says so.
    """
    allow: tuple[values.Place, ...] | None = None
    """What builds reach wherever it lies, as host:port; default the host and port of your DATABASE_URL.

    Your registry and the proxies on the way to it are reached in any case.
    """


class DepsConfig(_Section):
    """The dependencies that drafts share."""

    max_age: values.Duration = 86_400.0
    """How long those that no lock file names are taken from an earlier build before they are resolved anew."""


class RunConfig(_Section):
    """How drafts are run."""

    start_timeout: values.PositiveDuration = 60.0
    """How long a started draft may take to its first answer."""
    memory_max: values.Size = 512 << 20
    """What all processes of a running draft may take together; more ends it, and it is tried again later."""
    disk_max: values.Size = 10 << 30
    """What the folder that a draft runs from may hold, with what it writes there."""
    sandbox: values.SandboxWord = "auto"
    """How running drafts are confined; `auto` is the strongest that works here."""


class KeepConfig(_Section):
    """What is kept, and for how long."""

    releases: values.Count = 3
    """Releases of a draft, the serving one included."""
    builds: values.Count = 20
    """Builds in a draft's history, with their logs."""
    disk_budget: values.Size = 20 << 30
    """What the kept dependencies of drafts may take on the disk together; what was used longest ago goes first."""
    removed: values.Duration = 3600.0
    """How long the releases of a vanished draft are kept, in case it comes back."""


class FixConfig(_Section):
    """The fixes."""

    write_back: StrictBool = True
    """Whether fixes are written into the draft's folder; false: only into the build."""


class SecretsConfig(_Section):
    """Secrets that drafterd makes."""

    nextauth: Literal["shared"] = "shared"
    """NEXTAUTH_SECRET: one for all drafts."""


class PagesConfig(_Section):
    """The pages that answer while a draft is not ready."""

    details: Literal["local", "all", "off"] = "local"
    """Who sees the tail of the log: visitors from the loopback, all, nobody."""


class DraftConfig(_Section):
    """What differs for one draft."""

    address: AddressKind | None = None
    """Its primary address; default: as for all."""
    memory_max: values.Size | None = None
    """What its running processes may take; default: `run.memory_max`."""
    env: dict[values.VariableName, values.Template] = Field(default_factory=dict)
    """Variables beside or instead of those for all; null takes one out."""


class Config(_Section):
    """The whole configuration, valid and complete."""

    drafts: values.FilePath = Path(".drafts")
    """The watched folder (on a server /srv/drafts)."""
    state: values.FilePath = Path(".drafterd")
    """Releases, ledger, routes, caches (on a server /var/lib/drafterd)."""
    sockets: values.FilePath | None = None
    """Sockets; default `<state>/run`, or a short one below /tmp where that is too long (on a server /run/drafterd)."""
    logs: values.FilePath | None = None
    """Logs of drafts; default `<state>/log` (on a server /var/log/drafterd)."""
    public_url: values.Origin = "http://localhost:8080"
    """What people type; links, NEXTAUTH_URL and cookies derive from it.

    Where it is not set, it follows the port of proxy.listen.
    """
    address: AddressKind = AddressKind.PATH
    """A draft's primary address: `path` = <public_url>/api/draft/<id>, `host` = <id>.<host_suffix>."""
    path_prefix: values.PathPrefix = "/api/draft"
    """What stands before the id in the path address."""
    host_suffix: values.HostName = "localhost"
    """What stands after the id in the host address."""
    settle: values.Duration = 2.0
    """Quiet time before a folder is taken; `.draft-ready` in it skips the wait, `.draft-skip` keeps it out."""
    drain: values.Duration = 30.0
    """How long an old instance goes on after the switch to a new one."""
    allowed_hosts: tuple[values.HostName, ...] = ()
    """Further names under which the API may be asked, beside localhost and 127.0.0.1."""
    credentials: values.FilePath | None = None
    """A dotenv file (0600) with the operator's values: NEXTAUTH_SECRET, GROQ_API_KEY and the like."""
    env: dict[values.VariableName, values.Template] = Field(default_factory=_default_env)
    """Variables for every draft, added to the defaults; null takes one out.

    Values may hold {{ port }}, {{ id }}, {{ url }} and {{ path }}.
    """
    drafts_config: dict[str, DraftConfig] = Field(default_factory=dict)
    """By draft: what differs for it."""
    ports: PortsConfig = PortsConfig()
    api: ApiConfig = ApiConfig()
    edge: EdgeConfig = EdgeConfig()
    proxy: ProxyConfig = ProxyConfig()
    runtime: RuntimeConfig = RuntimeConfig()
    build: BuildConfig = BuildConfig()
    deps: DepsConfig = DepsConfig()
    run: RunConfig = RunConfig()
    keep: KeepConfig = KeepConfig()
    fix: FixConfig = FixConfig()
    secrets: SecretsConfig = SecretsConfig()
    pages: PagesConfig = PagesConfig()

    @field_validator("env", mode="after")
    @classmethod
    def _add_defaults(cls, given: dict[str, str | None]) -> dict[str, str | None]:
        return {name: value for name, value in {**DEFAULT_ENV, **given}.items() if value is not None}

    @classmethod
    def load(
        cls,
        file: Path | None,
        *,
        overrides: Mapping[str, object] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Self:
        """Read the configuration: defaults, then `file`, then `DRAFTERD_*`, then `overrides`.

        Args:
            file: The YAML file, or None for none.
            overrides: From the command line, keys with dots: `{"proxy.listen": "0.0.0.0:80"}`.
            environ: The environment.

        Raises:
            ConfigError: One line for each thing that is wrong.
        """
        sections = [name for name, info in cls.model_fields.items() if checks.section_of(info.annotation)]
        merged = sources.merge(file, overrides=overrides or {}, environ=environ, sections=[*sections, "env"])
        config = checks.validate(cls, merged)
        if "public_url" not in config.model_fields_set:
            config = config.model_copy(update={"public_url": _local_url(config.proxy.listen)})
        checks.across(config, merged)
        return config

    def listeners(self) -> Mapping[str, Address]:
        """Every address that drafterd and its proxy listen on, by key."""
        return {
            "api.listen": self.api.listen,
            "edge.listen": self.edge.listen,
            "proxy.listen": self.proxy.listen,
            "proxy.dashboard": self.proxy.dashboard,
        }

    def layout(self) -> Layout:
        """Where everything lies, absolute; relative paths start at the current folder."""
        state = _absolute(self.state)
        return Layout(
            drafts=_absolute(self.drafts),
            state=state,
            run=_absolute(self.sockets) if self.sockets else _socket_folder(state),
            logs=_absolute(self.logs) if self.logs else state / "log",
        )

    @property
    def api_socket(self) -> Path:
        """The API's unix socket, absolute."""
        return _absolute(self.api.socket) if self.api.socket else self.layout().api_socket

    @property
    def supervisor_socket(self) -> Path:
        """Supervisord's unix socket, absolute."""
        return _absolute(self.runtime.socket) if self.runtime.socket else self.layout().supervisor_socket

    @property
    def token_file(self) -> Path:
        """The API's token, absolute."""
        return _absolute(self.api.token_file) if self.api.token_file else self.layout().token

    @property
    def nextauth_file(self) -> Path:
        """Where the random NEXTAUTH_SECRET is kept when the operator gives none."""
        return self.layout().state / "nextauth-secret"

    @classmethod
    def schema(cls) -> dict[str, Any]:  # type: ignore[override]  # pydantic's deprecated method of version 1
        """The JSON schema of the file."""
        return cls.model_json_schema()

    def shown(self) -> dict[str, Any]:
        """The effective values as they would stand in the file, secrets masked."""
        shown = self.model_dump(mode="json")
        layout = self.layout()
        shown["sockets"], shown["logs"] = str(layout.run), str(layout.logs)
        shown["api"] |= {"socket": str(self.api_socket), "token_file": str(self.token_file)}
        shown["runtime"]["socket"] = str(self.supervisor_socket)
        return masking.mask_config(shown)

    def variables(self, environ: Mapping[str, str] = os.environ) -> tuple[Mapping[str, str], tuple[str, ...]]:
        """What every draft gets, and which of the operator's values are absent.

        Values from `env` are templates still; the operator's own, which win, are taken as they are.
        The random NEXTAUTH_SECRET counts once `keep_secret(config.nextauth_file)` has made it.

        Raises:
            ConfigError: The credentials cannot be read, or others may read them.
        """
        given = credentials.operator_values(self.credentials, environ=environ, nextauth=self.nextauth_file)
        kept = {name: value for name, value in {**self.env, **given}.items() if value}
        return kept, tuple(name for name in credentials.OPERATOR if name not in kept)


def _local_url(listen: Address) -> str:
    return "http://localhost" if listen.port == _HTTP_PORT else f"http://localhost:{listen.port}"


def _socket_folder(state: Path) -> Path:
    """`<state>/run`, or a short folder of this state's own where that path is too long for a socket's."""
    folder = state / "run"
    if len(os.fsencode(folder)) <= _SOCKET_FOLDER_MAX:
        return folder
    mark = hashlib.blake2b(os.fsencode(state), digest_size=6).hexdigest()
    return Path(tempfile.gettempdir()) / f"drafterd-{os.geteuid()}-{mark}"


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve() would follow links
