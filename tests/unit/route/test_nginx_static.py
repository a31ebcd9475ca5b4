"""nginx's static part: what is put into it, and what cannot be. That nginx takes it is the contract's business."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drafterd import resources
from drafterd.domain.errors import ConfigError
from drafterd.domain.model import Address
from drafterd.route import nginx_static
from drafterd.route.nginx_static import command, drafts_configuration, pid_file, write_static
from drafterd.route.table import RouteSettings
from drafterd.route.tls import Tls

PLACES: dict[str, Any] = {"listen": Address("127.0.0.1", 8080), "dashboard": Address("127.0.0.1", 8742)}
SETTINGS = RouteSettings(edge=Address("127.0.0.1", 8741), certificate=Path("/unused"))


def written(**changes: Any) -> str:
    values = {"routes_file": Path("/state/drafts.map"), "settings": SETTINGS, **PLACES, **changes}
    return drafts_configuration(**values)


def test_visitors_and_operators_come_in_at_different_doors() -> None:
    text = written(listen=Address("::", 80))
    assert "listen [::]:80 default_server;" in text
    assert "listen 127.0.0.1:8742;" in text
    assert "server 127.0.0.1:8741;" in text
    assert text.count('include "/state/drafts.map";') == 2


def test_names_are_patterns_only_of_themselves() -> None:
    settings = RouteSettings(
        edge=SETTINGS.edge,
        certificate=SETTINGS.certificate,
        path_prefix="/a.b/c",
        host_suffix="drafts.example",
        public_host="drafts.example",
    )
    text = written(settings=settings)
    assert r'"~^[a-z0-9-]+\.drafts\.example$" 1;' in text
    assert r"^/a\.b/c/" in text
    assert "url=%2Fa.b%2Fc%2F" in text


@pytest.mark.parametrize("name", ["a b", 'a"b', "a$b", "a\\b", "a\nb"])
def test_a_folder_cannot_become_syntax(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot stand in nginx's configuration"):
        written(routes_file=Path("/state") / name / "drafts.map")
    with pytest.raises(ConfigError):
        write_static(tmp_path / name, routes_file=Path("/x"), settings=SETTINGS, **PLACES)


def test_it_is_written_and_named_in_the_commands(tmp_path: Path) -> None:
    main = write_static(tmp_path / "nginx", routes_file=tmp_path / "drafts.map", settings=SETTINGS, **PLACES)
    assert f'include "{tmp_path}/nginx/drafts.conf";' in main.read_text()
    assert f"pid {pid_file(main)};" in main.read_text()
    nginx = Path("/usr/sbin/nginx")
    words = (str(nginx), "-e", "stderr", "-p", str(main.parent), "-c", str(main))
    assert command(nginx, main) == (sys.executable, "-m", "drafterd.route.nginx_start", str(main), *words)
    assert nginx_static.test_command(nginx, main) == (*words, "-t", "-q")


def test_the_sample_for_an_nginx_of_the_system_is_what_drafterd_would_write() -> None:
    sample = (resources.folder("etc") / "nginx" / "drafterd.conf").read_text()
    settings = RouteSettings(
        edge=SETTINGS.edge,
        certificate=SETTINGS.certificate,
        host_suffix="drafts.example.org",
        public_host="drafts.example.org",
    )
    text = written(
        listen=Address("0.0.0.0", 80),
        settings=settings,
        routes_file=Path("/var/lib/drafterd/routes/nginx/drafts.map"),
    )
    assert sample.endswith(text)


def test_the_sample_tells_what_https_needs() -> None:
    sample = (resources.folder("etc") / "nginx" / "drafterd.conf").read_text()
    told = [line for line in sample.splitlines() if re.match(r"#( {2}\S|server|\})", line)]
    pem, key = Path("/etc/ssl/drafts.pem"), Path("/etc/ssl/drafts.key")
    tls = Tls(certificate=pem, key=key, plain=Address("0.0.0.0", 80))
    text = written(listen=Address("0.0.0.0", 443), tls=tls)
    plain = sample.replace("\n#", "\n").splitlines()
    needed = [line for line in text.splitlines() if line and line not in plain]
    assert told
    assert all(line[1:] in text.splitlines() for line in told)
    assert not [line for line in needed if line.startswith("  ssl_") or "443" in line or "308" in line]


def test_files_are_served_only_where_nginx_may_read_them() -> None:
    assert "@files" not in written()
    text = written(settings=replace(SETTINGS, drafts=Path("/state/drafts")))
    assert 'root "/state/drafts/$drafterd_site/current/files";' in text
    with pytest.raises(ConfigError):
        written(settings=replace(SETTINGS, drafts=Path("/my state/drafts")))
