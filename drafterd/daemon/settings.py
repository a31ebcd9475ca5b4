"""Translates the configuration into what each adapter is told. No adapter sees the configuration."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from drafterd.build import environment
from drafterd.build.settings import BuildSettings
from drafterd.config import Config
from drafterd.domain.addressing import Addressing
from drafterd.domain.capacity import build_slots, burst_slots
from drafterd.domain.interfaces import Sandbox
from drafterd.domain.model import Limits
from drafterd.domain.outputs import is_public
from drafterd.domain.plan import Rules
from drafterd.fix.settings import FixSettings
from drafterd.layout import Layout
from drafterd.reconcile.observe import BuildFacts
from drafterd.route.table import RouteSettings
from drafterd.route.tls import Tls
from drafterd.run.spec import preload_path
from drafterd.sandbox.network import Reach, Wish
from drafterd.sandbox.places import Places, tools
from drafterd.toolchain import Toolchain
from drafterd.web.places import EdgeSettings

_CERTIFICATES = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "npm_config_cafile")
_PROCESSES = 1024
_PROCESSES_PER_CORE = 64
_FILE_MAX = 4_000_000_000
_OPEN_FILES = 4096
_SERVER_PROCESSES = 512
"""Of one server, threads included; one of Next.js has some 30."""
_TEMPLATE_MARKS = ("{{", "{%", "{#")


def addressing_of(config: Config) -> Addressing:
    """Where drafts are reached."""
    return Addressing(
        public_url=config.public_url,
        path_prefix=config.path_prefix,
        host_suffix=config.host_suffix,
        kind=config.address,
        overrides={name: draft.address for name, draft in config.drafts_config.items() if draft.address},
    )


def rules_of(config: Config, fix_version: int) -> Rules:
    """The numbers that steer the planner."""
    return Rules(
        drain=config.drain,
        keep_releases=config.keep.releases,
        keep_removed=config.keep.removed,
        fix_version=fix_version,
        ttl=config.draft.ttl,
        ttls={name: draft.ttl for name, draft in config.drafts_config.items() if draft.ttl is not None},
    )


def fix_settings(config: Config, environ: Mapping[str, str] = os.environ) -> FixSettings:
    """What the fixes are told. Raises `ConfigError` when the credentials cannot be read."""
    values, absent = config.variables(environ)
    return FixSettings(
        write_back=config.fix.write_back,
        variables={name: _as_template(value, config.env.get(name)) for name, value in values.items()},
        special={name: draft.env for name, draft in config.drafts_config.items() if draft.env},
        absent=absent,
    )


def _as_template(value: str, template: str | None) -> str:
    """Only values that stand in `env` are templates: an operator's secret is taken as it is."""
    if value == template or not any(mark in value for mark in _TEMPLATE_MARKS):
        return value
    return f"{{{{ {value!a} }}}}"


def build_settings(config: Config) -> BuildSettings:
    """What the builds are told."""
    return BuildSettings(
        slots=build_slots(config.build.slots, os.cpu_count() or 1),
        burst_slots=burst_slots(config.build.slots),
        queue_max=config.build.queue_max,
        timeout=config.build.timeout,
        keep_builds=config.keep.builds,
        disk_budget=config.keep.disk_budget,
        dependencies_age=config.deps.max_age,
        disk_max=config.build.disk_max,
        # Tools start threads for each core, and processes for each core that have them too.
        limits=Limits(
            memory=config.build.memory_max,
            processes=_PROCESSES + _PROCESSES_PER_CORE * (os.cpu_count() or 1),
            file_size=_FILE_MAX,
        ),
    )


def run_limits(config: Config, draft: str) -> Limits:
    """What a draft's server may use."""
    own = config.drafts_config.get(draft)
    return Limits(
        memory=(own and own.memory_max) or config.run.memory_max,
        processes=_SERVER_PROCESSES,
        open_files=_OPEN_FILES,
        file_size=_FILE_MAX,
        disk=config.run.disk_max,
    )


def places(layout: Layout, toolchain: Toolchain) -> Places:
    """What drafts are shown of this installation: tools, the machine's certificates, our module for servers."""
    around = environment.of_daemon()
    named = [Path(around[name]) for name in _CERTIFICATES if name in around]
    certificates = [path for path in named if path.is_absolute() and path not in layout.state.parents]
    return Places(
        layout=layout, readable=(*tools(toolchain), layout.managers, preload_path(), *dict.fromkeys(certificates))
    )


def build_network(config: Config) -> Wish:
    """What builds are to reach.

    Of the databases only the operator's own: a draft that names the daemon's port as its database gets no way to it.
    """
    values, _ = config.variables()
    database = environment.places_of([values["DATABASE_URL"]] if "DATABASE_URL" in values else [])
    return Wish(
        reach=Reach(config.build.network),
        registry=environment.registry_places(environment.of_daemon()),
        allowed=database if config.build.allow is None else config.build.allow,
    )


def shown_sandbox(run: Sandbox, build: Sandbox) -> str:
    """How drafts are kept apart, for the status."""
    shown = f"{run.name} (isolation: {run.isolation})"
    return shown if build.isolation == run.isolation else f"{shown}; builds: {build.name} ({build.isolation})"


def build_facts(config: Config, node_version: str, environ: Mapping[str, str] = os.environ) -> BuildFacts:
    """What makes builds of one source differ between installations."""
    values, _ = config.variables(environ)
    return BuildFacts(
        node=node_version,
        public={name: value for name, value in values.items() if is_public(name)},
        # Addresses that the author wrote for a draft run by hand are built into its pages as these.
        settings={
            "write_back": str(config.fix.write_back),
            "public_url": config.public_url,
            "host_suffix": config.host_suffix,
        },
    )


def route_settings(config: Config, layout: Layout) -> RouteSettings:
    """What the proxy's table is made from."""
    public, tls = urlsplit(config.public_url), config.proxy.tls
    return RouteSettings(
        path_prefix=config.path_prefix,
        host_suffix=config.host_suffix,
        edge=config.edge.listen,
        certificate=tls.certificate or layout.certificate / "default.pem",
        key=tls.key,
        public_host=public.hostname or "localhost",
        # Something before the proxy ends the https that visitors speak.
        scheme=public.scheme if public.scheme == "https" and not tls.wanted else "",
        acme=bool(tls.acme_email),
        response_timeout=config.proxy.response_timeout,
    )


def proxy_tls(config: Config, layout: Layout) -> Tls | None:
    """How the proxy speaks https, or None: not at all."""
    public, tls = urlsplit(config.public_url), config.proxy.tls
    if not tls.wanted:
        return None
    return Tls(
        certificate=tls.certificate,
        key=tls.key,
        port=public.port or 443,
        plain=tls.plain,
        email=tls.acme_email,
        storage=layout.state / "routes" / "acme.json",
        server=tls.acme_server,
    )


def own_ports(config: Config) -> frozenset[int]:
    """The ports that drafterd and its proxy listen on: no draft is reached there."""
    return frozenset(address.port for address in config.listeners().values())


def edge_settings(config: Config, *, token_ok: Callable[[str], bool]) -> EdgeSettings:
    """What the edge is told."""
    return EdgeSettings(
        path_prefix=config.path_prefix,
        host_suffix=config.host_suffix,
        public_origin=config.public_url,
        details=config.pages.details,
        token_ok=token_ok,
        source=config.layout().source,
    )


def allowed_hosts(config: Config) -> frozenset[str]:
    """Names by which the API may be called."""
    return frozenset({"localhost", "127.0.0.1", "[::1]", *config.allowed_hosts})
