"""Traefik's static part is what a YAML reader makes of it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from drafterd import resources
from drafterd.domain.errors import ProxyRejected
from drafterd.domain.model import Address
from drafterd.route.managed import command, static_configuration, write_static
from drafterd.route.tls import Tls


def parsed(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "listen": Address("127.0.0.1", 8080),
        "dashboard": Address("127.0.0.1", 8742),
        "routes_file": Path("/state/routes/traefik/drafts.yml"),
    } | changes
    found: dict[str, Any] = yaml.safe_load(static_configuration(**values))
    return found


def test_visitors_and_operators_come_in_at_different_doors() -> None:
    found = parsed()
    assert found["entryPoints"]["web"]["address"] == "127.0.0.1:8080"
    assert found["entryPoints"]["web"]["forwardedHeaders"] == {"insecure": False}
    assert found["entryPoints"]["traefik"]["address"] == "127.0.0.1:8742"
    assert found["ping"]["entryPoint"] == found["metrics"]["prometheus"]["entryPoint"] == "traefik"


def test_changes_are_taken_at_once() -> None:
    providers = parsed()["providers"]
    assert providers["providersThrottleDuration"] == "10ms"
    assert providers["file"] == {"filename": "/state/routes/traefik/drafts.yml", "watch": True}


def test_it_calls_nobody_and_writes_no_access_log() -> None:
    found = parsed()
    assert found["global"] == {"checkNewVersion": False, "sendAnonymousUsage": False}
    assert "accessLog" not in found


def test_an_access_log_that_is_asked_for_is_written() -> None:
    place = Path("/var/log/drafterd-traefik/access.log")
    assert parsed(access_log=place)["accessLog"] == {"filePath": str(place), "format": "json"}


@pytest.mark.parametrize("name", ['a "b"', "a: b #c", "{{x}}", "ü", "a\\b", "'"])
def test_a_folder_cannot_become_syntax(name: str) -> None:
    file = Path("/state") / name / "drafts.yml"
    assert parsed(routes_file=file)["providers"]["file"]["filename"] == str(file)


def test_ipv6_and_all_interfaces() -> None:
    assert parsed(listen=Address("::", 80))["entryPoints"]["web"]["address"] == "[::]:80"
    assert parsed(listen=Address("0.0.0.0", 80))["entryPoints"]["web"]["address"] == "0.0.0.0:80"
    with pytest.raises(ProxyRejected):
        parsed(listen=Address("a b", 80))


def test_it_is_written_and_named_in_the_command(tmp_path: Path) -> None:
    path = tmp_path / "run" / "traefik.yml"
    values: dict[str, Any] = {"listen": Address("127.0.0.1", 1), "dashboard": Address("127.0.0.1", 2)}
    write_static(path, routes_file=tmp_path / "x.yml", **values)
    assert path.read_text() == static_configuration(routes_file=tmp_path / "x.yml", **values)
    assert command(Path("/bin/traefik"), path) == ("/bin/traefik", f"--configFile={path}")


def test_https_with_a_given_certificate_and_plain_http_that_is_sent_there() -> None:
    pem = Path("/etc/ssl/own.pem")
    tls = Tls(certificate=pem, key=pem, plain=Address("0.0.0.0", 80))
    found = parsed(listen=Address("0.0.0.0", 443), tls=tls)
    assert found["entryPoints"]["web"]["http"] == {"tls": {}}
    sent = found["entryPoints"]["plain"]["http"]["redirections"]["entryPoint"]
    assert sent == {"to": ":443", "scheme": "https", "permanent": True}
    assert "certificatesResolvers" not in found


@pytest.mark.parametrize(
    ("plain", "challenge"),
    [(Address("0.0.0.0", 80), {"httpChallenge": {"entryPoint": "plain"}}), (None, {"tlsChallenge": {}})],
)
def test_certificates_that_traefik_gets_by_itself(plain: Address | None, challenge: dict[str, Any]) -> None:
    tls = Tls(email="me@example.org", storage=Path("/state/acme.json"), plain=plain)
    found = parsed(tls=tls)
    assert found["entryPoints"]["web"]["http"]["tls"] == {}, "for which names, the routes say"
    acme = found["certificatesResolvers"]["acme"]["acme"]
    assert acme == {"email": "me@example.org", "storage": "/state/acme.json", **challenge}
    staging = replace(tls, server="https://staging.example/directory")
    assert parsed(tls=staging)["certificatesResolvers"]["acme"]["acme"]["caServer"] == staging.server


def test_the_sample_for_a_traefik_of_the_system_tells_what_https_needs() -> None:
    text = (resources.folder("etc") / "traefik.yml").read_text()
    # What is said stands one blank behind the mark, what is left out right behind it, or two.
    sample = yaml.safe_load(re.sub(r"^( *)#(?! \S)", r"\1", text, flags=re.MULTILINE))
    storage = Path("/var/lib/drafterd-traefik/acme.json")
    tls = Tls(email="you@example.org", storage=storage, plain=Address("0.0.0.0", 80))
    needed = parsed(listen=Address("0.0.0.0", 443), tls=tls)
    assert sample["entryPoints"]["web"]["http"]["tls"] == needed["entryPoints"]["web"]["http"]["tls"]
    assert sample["entryPoints"]["plain"]["http"] == needed["entryPoints"]["plain"]["http"]
    assert sample["certificatesResolvers"] == needed["certificatesResolvers"]
