"""Every source, their order, and a message for everything that can be wrong."""

from pathlib import Path

import pytest
import yaml

from drafterd import resources
from drafterd.config import Config
from drafterd.domain.errors import ConfigError
from drafterd.domain.model import Address, AddressKind

SAMPLE = resources.folder("etc") / "drafterd.yaml"


def write(folder, text):
    file = folder / "drafterd.yaml"
    file.write_text(text)
    return file


def problems(file=None, *, overrides=None, environ=None):
    with pytest.raises(ConfigError) as caught:
        Config.load(file, overrides=overrides or {}, environ=environ or {})
    return caught.value.summary.splitlines()


def uncommented() -> str:
    """The sample with every commented key switched on."""
    lines = []
    for line in SAMPLE.read_text().splitlines():
        body = line.lstrip()
        lines.append(line.replace("#", "", 1) if body.startswith("#") and not body.startswith("# ") else line)
    return "\n".join(lines)


def flat(section, prefix=""):
    for key, value in section.items():
        if isinstance(value, dict) and prefix + key not in {"env", "drafts_config"}:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def test_defaults_are_those_of_the_table():
    config = Config.load(None, environ={})
    assert config.public_url == "http://localhost:8080"
    assert config.address is AddressKind.PATH
    assert (config.ports.first, config.ports.last) == (3001, 3999)
    assert config.api.listen == Address("127.0.0.1", 8740)
    assert config.edge.listen == Address("127.0.0.1", 8741)
    assert (config.settle, config.drain, config.build.timeout, config.run.start_timeout) == (2.0, 30.0, 600.0, 60.0)
    assert (config.keep.releases, config.keep.builds, config.keep.removed) == (3, 20, 3600.0)
    assert config.proxy.managed is None
    assert config.build.slots is None


def test_the_sample_changes_nothing():
    assert Config.load(SAMPLE, environ={}) == Config.load(None, environ={})


def test_the_sample_shows_every_key_with_its_default(tmp_path):
    given = yaml.safe_load(uncommented())
    assert set(flat(given)) == set(flat(Config.load(None, environ={}).shown()))
    given["drafts_config"] = {}  # an example, no default
    given["credentials"] = None
    for section in (given["proxy"], given["runtime"]):  # depend on the command
        section["managed"] = None
    shown = Config.load(write(tmp_path, yaml.safe_dump(given)), environ={}).shown()
    assert shown == Config.load(None, environ={}).shown()


def test_the_stronger_source_wins(tmp_path):
    file = write(tmp_path, "settle: 3s\nports: {first: 4001, last: 4002}\nhost_suffix: file.test\n")
    config = Config.load(
        file,
        environ={"DRAFTERD_SETTLE": "4s", "DRAFTERD_PORTS__FIRST": "4000", "OTHER": "x"},
        overrides={"settle": "5s"},
    )
    assert config.settle == 5.0
    assert (config.ports.first, config.ports.last) == (4000, 4002)
    assert config.host_suffix == "file.test"


def test_the_environment_takes_texts_that_look_like_numbers():
    config = Config.load(None, environ={"DRAFTERD_STATE": "123", "DRAFTERD_ENV__Some_Name": "true"})
    assert config.state == Path("123")
    assert config.env["Some_Name"] == "true"


def test_names_of_the_environment_that_are_no_keys_are_left_alone():
    names = ("DRAFTERD_URL", "DRAFTERD_CONFIG", "DRAFTERD_INSTANCE")
    assert Config.load(None, environ=dict.fromkeys(names, "x")) == Config.load(None, environ={})


def test_the_public_url_follows_the_proxy_unless_it_is_set():
    assert (
        Config.load(None, environ={}, overrides={"proxy.listen": "0.0.0.0:9000"}).public_url == "http://localhost:9000"
    )
    assert Config.load(None, environ={}, overrides={"proxy.listen": "0.0.0.0:80"}).public_url == "http://localhost"
    set_url = {"proxy.listen": "0.0.0.0:80", "public_url": "HTTPS://Drafts.Example.org/"}
    assert Config.load(None, environ={}, overrides=set_url).public_url == "https://drafts.example.org"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("proxy: {tls: {key: /k}}", "proxy.tls: found one of certificate and key, both or none are allowed"),
        (
            "public_url: https://a.b\nproxy: {kind: nginx, tls: {acme_email: a@b.c}}",
            "proxy.tls.acme_email: found it with nginx, Traefik alone gets certificates by itself",
        ),
        ("proxy: {tls: {plain: '0.0.0.0:80'}}", "proxy.tls.plain: found it without https"),
        ("proxy: {tls: {acme_email: a@b.c}}", "proxy.tls: found it beside public_url http://localhost:8080, one that begins"),
        ("proxy: {tls: {acme_email: nobody}}", "proxy.tls.acme_email: found 'nobody'"),
        ("ports: {first: abc}", "ports.first: found 'abc', an integer from 1 to 65535 is allowed"),
        ("ports: {first: true}", "ports.first: found true, an integer from 1 to 65535 is allowed"),
        ("ports: {first: 0}", "ports.first: found 0, an integer from 1 to 65535 is allowed"),
        ("ports: {first: 65536}", "ports.first: found 65536, an integer from 1 to 65535 is allowed"),
        ("ports: {frist: 1}", "ports.frist: unknown key, did you mean ports.first?"),
        ("prots: {first: 1}", "prots: unknown key, did you mean ports?"),
        ("edge: {zzz: 1}", "edge.zzz: unknown key; known are listen"),
        ("settle: 3", "settle: found 3, a duration such as 90s, 15m or 2h is allowed"),
        ("build: {memory_max: 3}", "build.memory_max: found 3, a size such as 512M or 3G is allowed"),
        ("build: {memory_max: 0M}", "build.memory_max: found '0M', a size such as 512M or 3G is allowed"),
        ("settle:", "settle: found nothing, a duration such as 90s, 15m or 2h is allowed"),
        ("build: {timeout: 0}", "build.timeout: found 0, a duration such as 90s, 15m or 2h, more than 0 is allowed"),
        ("build: {slots: many}", "build.slots: found 'many', auto or an integer from 1 to 64 is allowed"),
        ("address: hsot", "address: found 'hsot', 'path' or 'host' is allowed"),
        ("proxy: {kind: caddy}", "proxy.kind: found 'caddy', 'traefik' or 'nginx' is allowed"),
        (
            "proxy: 3",
            "proxy: found 3, a section with the keys kind, managed, listen, dashboard, response_timeout, test, reload, access_log, tls is allowed",
        ),
        ("fix: {write_back: 'yes'}", "fix.write_back: found 'yes', true or false is allowed"),
        ("pages: {details: on}", "pages.details: found 'on', 'local', 'all' or 'off' is allowed"),
        ("allowed_hosts: x", "allowed_hosts: found 'x', a list is allowed"),
        ("allowed_hosts: [a b]", "allowed_hosts.0: found 'a b', a host name such as drafts.example.org is allowed"),
        ("drafts: ''", "drafts: found '', a path is allowed"),
        ("env: {1x: a}", "env.1x: found str ***, a variable's name: letters, digits and '_', no digit first is allowed"),
        ("env: {A: '{{ foo }}'}", "env.A: found str ***, a text with {{ port }}, {{ id }}, {{ url }}, {{ path }} in it is allowed"),
        ("env: {A: '{% if x %}'}", "env.A: found str ***, a text with {{ port }}"),
        ("env: {PORT: '1'}", "env.PORT: found str ***, any name but PORT, NEXTAUTH_URL and AUTH_URL, which drafterd sets"),
        ("env: {A: 1}", "env.A: found int ***, a text (a number stands in quotes) is allowed"),
        ("drafts_config: {hello: {adress: host}}", "drafts_config.hello.adress: unknown key, did you mean drafts_config.hello.address?"),
        ("drafts_config: {'a b': {}}", "drafts_config: the folder name 'a b' cannot be used: only the letters A-Z and a-z, digits, '_' and '-' are allowed"),
        ("sleep: {after: 15m}", "sleep: unknown key; known are"),
        ("a: 1\na: 2", "line 2, column 1: the key 'a' stands twice"),
        ("ports: {first: 1", "line 1, column 17: expected ',' or '}', but got '<stream end>'"),
        ("- a", "found no keys; `key: value`, one a line, is allowed"),
        ("? [a]\n: b", "line 1, column 3: a key must be a text"),
        ("settle: !!python/object:os.system x", "line 1, column 9: could not determine a constructor"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_key_found_and_allowed(tmp_path, text, message):
    file = write(tmp_path, text)
    (line,) = problems(file)
    assert line.startswith(f"{file}: {message}")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"api.listen": "0.0.0.0:8740"}, "command line: api.listen: found '0.0.0.0:8740', an address of the loopback"),
        ({"proxy.listen": "8080"}, "command line: proxy.listen: found '8080', host:port such as"),
        ({"proxy.listen": "127.0.0.1:0"}, "command line: proxy.listen: found '127.0.0.1:0', host:port such as"),
        ({"proxy.listen": "300.0.0.1:80"}, "command line: proxy.listen: found '300.0.0.1:80', host:port such as"),
        ({"proxy.listen": "127.0.0.1:8740"}, "command line: proxy.listen: found 127.0.0.1:8740, a port that edge.listen"),
        ({"proxy.listen": "127.0.0.1:3001"}, "command line: proxy.listen: found 127.0.0.1:3001, a port outside"),
        ({"ports.last": 3000}, "command line: ports.last: found 3000, an integer from ports.first (3001)"),
        ({"state": ".drafts/x", "sockets": "r", "logs": "l"}, "command line: state: found "),
        ({"public_url": "http://a/b"}, "command line: public_url: found 'http://a/b', scheme://host"),
        ({"public_url": "http://u:p@a"}, "command line: public_url: found 'http://u:p@a', scheme://host"),
        ({"public_url": "ftp://a"}, "command line: public_url: found 'ftp://a', scheme://host"),
        ({"public_url": "http://a:99999"}, "command line: public_url: found 'http://a:99999', scheme://host"),
        ({"path_prefix": "/api/draft/"}, "command line: path_prefix: found '/api/draft/', a path such as"),
        ({"path_prefix": "/a`b"}, "command line: path_prefix: found '/a`b', a path such as"),
        ({"host_suffix": "a..b"}, "command line: host_suffix: found 'a..b', a host name such as"),
    ],
)  # fmt: skip
def test_an_impossible_value_is_refused(overrides, message):
    if "proxy.listen" in overrides and "edge.listen" in message:
        overrides = {**overrides, "edge.listen": "127.0.0.1:8740", "api.listen": "127.0.0.1:8750"}
    first = problems(None, overrides=overrides)[0]
    assert first.startswith(message)


def test_a_socket_whose_path_is_too_long_for_the_system_is_refused():
    lines = problems(None, overrides={"sockets": "/tmp/" + "x" * 90})
    assert lines[-1].startswith("default: runtime.socket: found a path of 111 bytes")
    assert lines[-1].endswith("at most 99 is allowed; set `sockets` to a shorter folder")
    assert "api.socket" in lines[0]


def test_every_fault_has_its_line_and_its_source(tmp_path):
    file = write(tmp_path, "settle: x\nports: {lst: 1}\n")
    lines = problems(file, environ={"DRAFTERD_PORTZ__FIRST": "1", "DRAFTERD_DRAIN": "soon"})
    assert lines == [
        f"{file}: settle: found 'x', a duration such as 90s, 15m or 2h is allowed",
        "environment: DRAFTERD_DRAIN: found 'soon', a duration such as 90s, 15m or 2h is allowed",
        f"{file}: ports.lst: unknown key, did you mean ports.last?",
        "environment: DRAFTERD_PORTZ__FIRST: unknown key, did you mean ports?",
    ]


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    assert problems(tmp_path / "none.yaml") == [f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory"]
    assert problems(tmp_path) == [f"{tmp_path}: cannot be read: {tmp_path.name} is no regular file"]
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff")
    assert problems(tmp_path / "bytes.yaml") == [f"{tmp_path / 'bytes.yaml'}: is not UTF-8 text (byte 3)"]


def test_control_characters_of_a_key_do_not_reach_the_terminal(tmp_path):
    (line,) = problems(write(tmp_path, '"\\e[31m": 1'))
    assert "\x1b" not in line


def test_schema_names_every_key_and_says_what_it_means():
    schema = Config.schema()
    assert set(schema["properties"]) == set(Config.model_fields)
    assert all(part.get("description") or "$ref" in part for part in schema["properties"].values())
