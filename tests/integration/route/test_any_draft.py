"""Nothing that a draft decides can make a proxy refuse the table, and with it the routes of all others."""

import asyncio
import subprocess
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drafterd.domain.model import Address, AddressKind
from drafterd.domain.names import RESERVED, DraftId
from drafterd.domain.routing import RouteTable, Target, table_of
from drafterd.files import write_atomic
from drafterd.route import nginx_static
from drafterd.route.nginx_map import pools_of, text_of
from drafterd.route.table import RouteSettings
from tests.integration.route.conftest import NGINX, opened

SHORT = st.text(alphabet="aAbB_-0", min_size=1, max_size=4).filter(lambda name: name[0] != "-")
LONG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{50,62}", fullmatch=True)
WORDS = st.sampled_from(
    ["default", "include", "hostnames", "volatile", "table", "any", "Table", "drafterd", "fallback"]
)
IDS = (SHORT | LONG | WORDS).filter(lambda name: name not in RESERVED).map(DraftId)
SAID = st.text(max_size=300) | st.sampled_from(
    ['";', "{{ env `HOME` }}", "`) || Path(`/", "\n};", "../x", "$host", "~*"]
)
TARGETS = st.builds(
    Target,
    address=st.none() | st.builds(Address, st.sampled_from(["127.0.0.1", "::1"]), st.integers(1, 65535)),
    strip=st.sampled_from(["", "/api/draft/x"]),
    kind=st.sampled_from(AddressKind),
    base_path=SAID,
    protected=st.booleans(),
    noindex=st.booleans(),
    fallback=SAID,
)
LARGE = st.dictionaries(IDS, TARGETS, min_size=70, max_size=90).map(table_of)
"""So large that Traefik has its routers in layers."""
TABLES = st.dictionaries(IDS, TARGETS, min_size=1, max_size=30).map(table_of)
MARK = "0123abcd"


def test_nginx_takes_whatever_drafts_there_are(tmp_path: Path) -> None:
    own = RouteSettings(edge=Address("127.0.0.1", 8741), certificate=tmp_path / "unused", drafts=tmp_path / "drafts")
    routes, at = tmp_path / "drafts.map", Address("127.0.0.1", 8080)
    main = nginx_static.write_static(
        tmp_path / "nginx", listen=at, dashboard=Address("127.0.0.1", 8742), routes_file=routes, settings=own
    )

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(TABLES, st.booleans())
    def taken(table: RouteTable, pooled: bool) -> None:
        write_atomic(nginx_static.pools_file(main), pools_of(table).encode())
        write_atomic(routes, text_of(table, own, MARK, pooled=pooled).encode())
        done = subprocess.run(
            nginx_static.test_command(NGINX, main), capture_output=True, text=True, timeout=20, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")

    taken()


def test_traefik_takes_whatever_drafts_there_are(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        proxy = opened(tmp_path, "traefik")
        world = runner.run(proxy.__aenter__())

        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
        @given(TABLES | LARGE)
        def taken(table: RouteTable) -> None:
            runner.run(world.proxy.publish(table))

        try:
            taken()
        finally:
            runner.run(proxy.__aexit__(None, None, None))
