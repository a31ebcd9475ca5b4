"""The files of an installation, by what was chosen and configured."""

import re
from pathlib import Path

import pytest
import yaml

from drafterd import resources
from drafterd.config import Config
from drafterd.install import choices as places
from drafterd.install.choices import Choices, Proxy, Supervisor
from drafterd.install.laid import files_of, first_settings

OF_NGINX = {places.NGINX, places.NGINX_MAIN, places.UNITS / places.NGINX_PATH, places.UNITS / places.NGINX_RELOAD}
OF_TRAEFIK = {places.UNITS / places.TRAEFIK, places.CONFIG / "traefik.yml", places.LOGROTATE}
OF_SUPERVISOR = {places.UNITS / places.SUPERVISOR, places.CONFIG / "supervisord.conf"}


def chosen(**changes) -> Choices:
    return Choices(programs=Path("/opt/drafterd/bin"), public_url="http://drafts.example.org", **changes)


def configured(tmp_path: Path, choices: Choices, more: str = "") -> Config:
    file = tmp_path / "drafterd.yaml"
    file.write_text(first_settings(choices) + more)
    return Config.load(file, environ={})


def laid(tmp_path: Path, choices: Choices, more: str = "") -> dict[Path, str]:
    return {one.path: one.data.decode() for one in files_of(choices, configured(tmp_path, choices, more))}


@pytest.mark.parametrize("proxy", Proxy)
@pytest.mark.parametrize("supervisor", Supervisor)
def test_each_choice_lays_its_own_files(tmp_path, proxy, supervisor):
    choices = chosen(proxy=proxy, supervisor=supervisor)
    found = laid(tmp_path, choices)
    assert (found.keys() >= OF_NGINX) is (proxy is Proxy.SYSTEM_NGINX)
    assert (found.keys() >= OF_TRAEFIK) is (proxy is Proxy.TRAEFIK)
    assert (found.keys() >= OF_SUPERVISOR) is (supervisor is Supervisor.MANAGED)
    assert not [
        path for path, text in found.items() if path != places.CONFIG / "drafterd.example.yaml" and "{{" in text
    ]
    wanted = re.search(r"^Wants=(.*)$", found[places.UNITS / places.TARGET], re.MULTILINE)
    assert wanted
    assert set(wanted[1].split()) == set(choices.services)


def test_units_name_the_programs_and_listeners(tmp_path):
    found = laid(tmp_path, chosen(), 'api: {listen: "127.0.0.1:9000"}\nedge: {listen: "localhost:9001"}\n')
    socket = found[places.UNITS / places.SOCKET]
    assert "ListenStream=127.0.0.1:9000\nListenStream=127.0.0.1:9001\n" in socket
    assert "ExecStart=/opt/drafterd/bin/drafterd run" in found[places.UNITS / places.DAEMON]


def test_the_sample_of_traefik_is_what_is_laid_down(tmp_path):
    """`etc/` shows it to whoever has not installed yet, comments and all."""
    assert (
        laid(tmp_path, chosen())[places.CONFIG / "traefik.yml"] == (resources.folder("etc") / "traefik.yml").read_text()
    )


def test_certificates_that_traefik_gets_lie_where_it_may_write(tmp_path):
    choices = chosen(listen="0.0.0.0:443")
    text = (
        first_settings(choices).replace("http://", "https://").replace("#tls: {}", "tls: {acme_email: a@example.org}")
    )
    file = tmp_path / "drafterd.yaml"
    file.write_text(text)
    found = {one.path: one.data.decode() for one in files_of(choices, Config.load(file, environ={}))}
    resolver = yaml.safe_load(found[places.CONFIG / "traefik.yml"])["certificatesResolvers"]["acme"]["acme"]
    assert resolver["storage"] == str(places.ACME)
    assert f"StateDirectory={places.ACME.parent.name}\n" in found[places.UNITS / places.TRAEFIK]


def test_secrets_and_settings_are_written_once_and_secrets_are_roots(tmp_path):
    found = {one.path: one for one in files_of(chosen(), configured(tmp_path, chosen()))}
    assert {path for path, one in found.items() if one.once} == {places.SETTINGS, places.CREDENTIALS}
    assert found[places.CREDENTIALS].mode == 0o600
    assert found[places.SETTINGS].mode == 0o640, "it may hold values of drafts"
    assert {one.mode for one in found.values() if not one.once} == {0o644}


@pytest.mark.parametrize("url", ['http://a.example.org"\nstate: /evil', "http://a.example.org # x", "${x}"])
def test_a_strange_word_becomes_no_other_key(tmp_path, url):
    choices = Choices(programs=Path("/x"), public_url=url)
    assert yaml.safe_load(first_settings(choices))["public_url"] == url
    assert yaml.safe_load(first_settings(choices))["state"] == "/var/lib/drafterd"


def test_the_profile_is_laid_only_where_it_is_needed(tmp_path):
    assert places.APPARMOR not in laid(tmp_path, chosen())
    assert "userns," in laid(tmp_path, chosen(apparmor=True))[places.APPARMOR]
