"""Which proxy stands before the drafts: its adapter, and the program where it is ours to run."""

import os
from collections.abc import Mapping
from dataclasses import replace

from drafterd.config import Config
from drafterd.daemon import settings
from drafterd.layout import Layout
from drafterd.route import managed, nginx_static, stand_in
from drafterd.route.file_proxy import FileProxy
from drafterd.route.nginx import NginxProxy
from drafterd.route.table import RouteSettings
from drafterd.route.traefik import TraefikProxy
from drafterd.toolchain import which


def adapter(config: Config, layout: Layout, *, ours: bool) -> FileProxy:
    """What tells the proxy its routes; `ours`: drafterd runs it.

    Raises:
        ConfigError: The proxy that drafterd is to run is not there.
    """
    routes = settings.route_settings(config, layout)
    api = f"http://{config.proxy.dashboard}"
    if config.proxy.kind == "traefik":
        return TraefikProxy(routes_file=layout.traefik_routes, settings=routes, api=api)
    if not ours:
        # Its workers are another user's, who cannot read releases: the daemon serves the files.
        test, reload = config.proxy.test, config.proxy.reload
        return NginxProxy(routes_file=layout.nginx_routes, settings=routes, api=api, test=test, reload=reload)
    main = layout.nginx / "nginx.conf"
    return NginxProxy(
        routes_file=layout.nginx_routes,
        settings=_with_files(routes, layout),
        api=api,
        test=nginx_static.test_command(which("nginx"), main),
        pid_file=nginx_static.pid_file(main),
        pools_file=nginx_static.pools_file(main),
    )


def programs(config: Config, layout: Layout) -> Mapping[str, tuple[str, ...]]:
    """The proxy, and who answers it while we are away, as programs for supervisord, by their names.

    The static part of the proxy is written.

    Raises:
        ConfigError: It is not there, or a path cannot stand in its configuration.
    """
    listen, dashboard, edge = config.proxy.listen, config.proxy.dashboard, config.edge.listen
    away = {"stand-in": stand_in.command(layout.edge_owner, layout.away, edge.host, edge.port)}
    tls = settings.proxy_tls(config, layout)
    if config.proxy.kind == "traefik":
        static = layout.state / "routes" / "traefik.yml"
        access_log = config.proxy.access_log and config.proxy.access_log.absolute()
        managed.write_static(
            static,
            listen=listen,
            dashboard=dashboard,
            routes_file=layout.traefik_routes,
            access_log=access_log,
            tls=tls,
        )
        return {**away, "traefik": managed.command(which("traefik"), static)}
    main = nginx_static.write_static(
        layout.nginx,
        listen=listen,
        dashboard=dashboard,
        routes_file=layout.nginx_routes,
        settings=_with_files(settings.route_settings(config, layout), layout),
        tls=tls,
    )
    return {**away, "nginx": nginx_static.command(which("nginx"), main)}


def _with_files(routes: RouteSettings, layout: Layout) -> RouteSettings:
    """For an nginx of ours, which serves files as our user; as root it gives its workers to nobody."""
    return routes if os.geteuid() == 0 else replace(routes, drafts=layout.all_drafts)
