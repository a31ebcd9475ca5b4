"""What the configuration says of the proxy is what the routes are made from."""

from drafterd.config import Config
from drafterd.daemon.settings import route_settings
from drafterd.route.table import RouteSettings


def settings(**given: str) -> RouteSettings:
    overrides = {key.replace("__", "."): value for key, value in given.items()}
    config = Config.load(None, environ={}, overrides=overrides)
    return route_settings(config, config.layout())


def test_how_long_an_answer_may_take_to_begin():
    assert settings().response_timeout == 60.0
    assert settings(proxy__response_timeout="90s").response_timeout == 90.0


def test_who_gets_certificates_and_what_drafts_are_told():
    https = {"public_url": "https://drafts.example.org", "host_suffix": "drafts.example.org"}
    asked = settings(**https, proxy__tls__acme_email="me@example.org")
    assert (asked.acme, asked.scheme, asked.public_host) == (True, "", "drafts.example.org")
    before = settings(**https)
    assert (before.acme, before.scheme) == (False, "https"), "something before the proxy ends it"
