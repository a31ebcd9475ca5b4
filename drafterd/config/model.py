"""The model of the configuration: every key, its default and its meaning.

The docstring under a key is what `drafterd config schema` and the documentation print.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, StrictBool, field_validator

from drafterd.config import checks, credentials, masking, sources, values
from drafterd.config.draft import DraftConfig, DraftDefaults
from drafterd.config.proxy import ProxyConfig
from drafterd.config.section import Section
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


class PortsConfig(Section):
    """The pool of home ports."""

    first: values.Port = 3001
    """First home port of drafts."""
    last: values.Port = 3999
    """Last home port of drafts."""


class ApiConfig(Section):
    """The daemon's own HTTP: API and dashboard; never behind the proxy."""

    listen: values.LoopbackListen = Address("127.0.0.1", 8740)
    """Where the API and the dashboard listen: the loopback only."""
    socket: values.FilePath | None = None
    """The unix socket of the API; default `<sockets>/drafterd.sock`."""
    token_file: values.FilePath | None = None
    """The file with the token, made at first start, 0600; default `<state>/token`."""


class EdgeConfig(Section):
    """What the proxy asks for everything that no draft answers."""

    listen: values.LoopbackListen = Address("127.0.0.1", 8741)
    """Where the waiting and failed pages, redirects and static drafts are answered."""


class RuntimeConfig(Section):
    """What runs the drafts."""

    kind: Literal["supervisord"] = "supervisord"
    """Which process supervisor."""
    managed: StrictBool | None = None
    """Whether drafterd starts it; default true in `up`, false in `run`."""
    socket: values.FilePath | None = None
    """Its unix socket; default `<sockets>/supervisor.sock`."""


class BuildConfig(Section):
    """How drafts are built."""

    slots: values.Slots = None
    """Builds at once; `auto` is one per two cores, and one more while three or more wait."""
    queue_max: values.Count = 100
    """Builds that may wait; a draft that finds the queue full asks again by itself."""
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


class DepsConfig(Section):
    """The dependencies that drafts share."""

    max_age: values.Duration = 86_400.0
    """How long those that no lock file names are taken from an earlier build before they are resolved anew."""


class RunConfig(Section):
    """How drafts are run."""

    start_timeout: values.PositiveDuration = 60.0
    """How long a started draft may take to its first answer."""
    memory_max: values.Size = 512 << 20
    """What all processes of a running draft may take together; more ends it, and it is tried again later."""
    disk_max: values.Size = 10 << 30
    """What the folder that a draft runs from may hold, with what it writes there."""
    sandbox: values.SandboxWord = "auto"
    """How running drafts are confined; `auto` is the strongest that works here."""
    network: Literal["shared", "fenced", "auto"] = "shared"
    """What running drafts reach: all that this machine does, or the internet alone.

    `fenced` needs a daemon that is root, and nft; `auto` is that where it can be had, and the status says which.
    """
    allow: tuple[values.Place, ...] | None = None
    """What fenced drafts reach wherever it lies, as host:port; default the host and port of your DATABASE_URL."""


class KeepConfig(Section):
    """What is kept, and for how long."""

    releases: values.Count = 3
    """Releases of a draft, the serving one included."""
    builds: values.Count = 20
    """Builds in a draft's history, with their logs."""
    disk_budget: values.Size = 20 << 30
    """What can be made again may take on the disk together: kept dependencies, downloads, `.next/cache`.

    Downloads go first, then what was used longest ago.
    """
    removed: values.Duration = 3600.0
    """How long the releases of a vanished draft are kept, in case it comes back."""


class FixConfig(Section):
    """The fixes."""

    write_back: StrictBool = True
    """Whether fixes are written into the draft's folder; false: only into the build."""


class SecretsConfig(Section):
    """Secrets that drafterd makes."""

    nextauth: Literal["shared"] = "shared"
    """NEXTAUTH_SECRET: one for all drafts."""


class PagesConfig(Section):
    """The pages that answer while a draft is not ready."""

    details: Literal["local", "all", "off"] = "local"
    """Who sees the tail of the log: visitors from the loopback, all, nobody."""


class Config(Section):
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
    noindex: StrictBool = True
    """Whether search engines are told to keep away from drafts (`X-Robots-Tag: noindex`)."""
    drafts_config: dict[str, DraftConfig] = Field(default_factory=dict)
    """By draft: what differs for it."""
    draft: DraftDefaults = DraftDefaults()
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
        plain = {"proxy.tls.plain": self.proxy.tls.plain} if self.proxy.tls.plain else {}
        return {
            "api.listen": self.api.listen,
            "edge.listen": self.edge.listen,
            "proxy.listen": self.proxy.listen,
            "proxy.dashboard": self.proxy.dashboard,
            **plain,
        }

    def layout(self) -> Layout:
        """Where everything lies, absolute; relative paths start at the current folder."""
        state = _absolute(self.state)
        return Layout(
            drafts=_absolute(self.drafts),
            state=state,
            run=_absolute(self.sockets) if self.sockets else _socket_folder(state),
            logs=_absolute(self.logs) if self.logs else state / "log",
            supervisor=_absolute(self.runtime.socket) if self.runtime.socket else None,
        )

    @property
    def api_socket(self) -> Path:
        """The API's unix socket, absolute."""
        return _absolute(self.api.socket) if self.api.socket else self.layout().api_socket

    @property
    def supervisor_socket(self) -> Path:
        """Supervisord's unix socket, absolute."""
        return self.layout().supervisor_socket

    @property
    def token_file(self) -> Path:
        """The API's token, absolute."""
        return _absolute(self.api.token_file) if self.api.token_file else self.layout().token

    @property
    def nextauth_file(self) -> Path:
        """Where the random NEXTAUTH_SECRET is kept when the operator gives none."""
        return self.layout().state / "nextauth-secret"

    @property
    def _daemon(self) -> int | None:
        """The user of the daemon, as far as its folder of state says."""
        try:
            return self.layout().state.stat().st_uid
        except OSError:
            return None  # it is not made yet, or out of our reach

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

    def unlisted(self, draft: str) -> bool:
        """Whether the configuration has search engines told to keep away from a draft."""
        own = self.drafts_config.get(draft)
        return self.noindex if own is None or own.noindex is None else own.noindex

    def protected(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What the configuration protects, by draft: hashes ("": links only), and passwords from files.

        Raises:
            ConfigError: A file with a password cannot be read, or others may read it.
        """
        given = {name: draft.access for name, draft in self.drafts_config.items() if draft.access is not None}
        files = {name: access.password_file for name, access in given.items() if access.password_file is not None}
        hashes = {name: access.password_hash or "" for name, access in given.items() if name not in files}
        return hashes, {
            name: credentials.password(_absolute(file), daemon=self._daemon) for name, file in files.items()
        }

    def variables(self, environ: Mapping[str, str] = os.environ) -> tuple[Mapping[str, str], tuple[str, ...]]:
        """What every draft gets, and which of the operator's values are absent.

        Values from `env` are templates still; the operator's own, which win, are taken as they are.
        The random NEXTAUTH_SECRET counts once `keep_secret(config.nextauth_file)` has made it.

        Raises:
            ConfigError: The credentials cannot be read, or others may read them.
        """
        given = credentials.operator_values(
            self.credentials, environ=environ, nextauth=self.nextauth_file, daemon=self._daemon
        )
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
