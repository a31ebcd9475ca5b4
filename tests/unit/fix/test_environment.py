import json

import pytest

from drafterd.domain.errors import ConfigError
from drafterd.domain.model import Site
from drafterd.fix.environment import merged
from drafterd.fix.settings import FixSettings
from tests.unit.fix.folders import folder

PATH = Site(port=3010, origin="http://localhost:8080", base_path="/api/draft/d")
HOST = Site(port=3010, origin="http://d.localhost:8080", base_path="")


def values(tmp_path, files, site=PATH, found=None, **variables):
    return merged("d", site, FixSettings(variables=variables), folder(tmp_path / "d", files), found or {})


@pytest.mark.parametrize("library", ["next-auth", "@auth/core"])
def test_the_hosts_facts_by_path(tmp_path, library):
    files = {
        ".env.local": "PORT=1\nNEXTAUTH_URL=x\nAUTH_URL=y\n",
        "package.json": json.dumps({"dependencies": {library: "1"}}),
    }
    assert values(tmp_path, files, NEXTAUTH_URL="z") == {
        "PORT": "3010",
        "NEXTAUTH_URL": "http://localhost:8080/api/draft/d/api/auth",
        "AUTH_URL": "http://localhost:8080/api/auth",
        "AUTH_TRUST_HOST": "true",
    }


def test_a_draft_without_sign_in_finds_itself_at_nextauth_url(tmp_path):
    got = values(tmp_path, {"package.json": "not json"})
    assert got["NEXTAUTH_URL"] == "http://localhost:8080/api/draft/d"


def test_the_hosts_facts_by_host(tmp_path):
    got = values(tmp_path, {}, HOST)
    assert got["NEXTAUTH_URL"] == got["AUTH_URL"] == "http://d.localhost:8080"


def test_order_of_the_files(tmp_path):
    files = {
        ".env": "A=1\nB=1\nC=1\nD=1\n",
        ".env.production": "B=2\nC=2\nD=2\n",
        ".env.local": "C=3\nD=3\n",
        ".env.production.local": "D=4\n",
        ".env.development": "A=9\n",
    }
    got = values(tmp_path, files)
    assert [got[name] for name in "ABCD"] == ["1", "2", "3", "4"]


def test_the_authors_values_win_unless_empty_or_placeholders(tmp_path):
    got = values(tmp_path, {".env": "A=own\nB=\nC=your-key\nD=xxx\nE=\n"}, A="op", B="op", C="op")
    assert (got["A"], got["B"], got["C"], got["D"]) == ("own", "op", "op", "xxx")
    assert "E" not in got


def test_what_stands_in_our_block_is_no_value_of_the_author(tmp_path):
    block = "# >>> drafterd: x\nA=old\n# <<< drafterd <<<\n"
    assert values(tmp_path, {".env.local": block}, A="new")["A"] == "new"


def test_references_and_templates(tmp_path):
    got = values(tmp_path, {".env": "U=http://h:${PORT}/a\\$b\n"}, T="{{ url }} {{ id }} {{ port }} {{ path }}")
    assert got["U"] == "http://h:3010/a$b"
    assert got["T"] == "http://localhost:8080/api/draft/d d 3010 /api/draft/d"


def test_what_steers_our_tools_is_left_out(tmp_path):
    names = ["PATH", "NODE_OPTIONS", "LD_PRELOAD", "HOSTNAME", "npm_config_registry", "NODE_ENV", "DRAFTERD_INSTANCE"]
    names += ["GCONV_PATH", "LOCPATH", "GLIBC_TUNABLES", "OPENSSL_CONF"]
    text = "".join(f"{name}=x\n" for name in [*names, "a.b", "OK"])
    got = values(tmp_path, {".env": text})
    assert not {*names, "a.b"} & got.keys()
    assert got["OK"] == "x"


OWN = [
    ("http://localhost:3000", ""),
    ("http://localhost:3000/", "/"),
    ("http://127.0.0.1:3000/api?x", "/api?x"),
    ("https://localhost:3010/api", "/api"),
    ("http://localhost:4321/api", "/api"),
    ("http://localhost:4444", ""),
    ("http://localhost:${PORT}/api", "/api"),
]
OTHERS = [
    "http://localhost:11434/v1",
    "http://localhost:30000",
    "http://localhost:3000.example",
    "http://localhost",
    "postgresql://localhost:3000/db",
    "see http://localhost:3000",
    "http://localhost:3000,http://localhost:5173",
]
APP = {"package.json": json.dumps({"dependencies": {"next": "16"}, "scripts": {"dev": "next dev -p 4444"}})}


@pytest.mark.parametrize(("value", "tail"), OWN)
def test_an_address_of_the_draft_run_by_hand_becomes_the_one_that_people_use(tmp_path, value, tail):
    files = {**APP, ".env": f"PORT=4321\nNEXT_PUBLIC_API={value.replace('${PORT}', '3010')}\n"}
    assert values(tmp_path / "path", files)["NEXT_PUBLIC_API"] == f"http://localhost:8080/api/draft/d{tail}"
    assert values(tmp_path / "host", files, HOST)["NEXT_PUBLIC_API"] == f"http://d.localhost:8080{tail}"


@pytest.mark.parametrize("value", OTHERS)
def test_another_address_stays(tmp_path, value):
    assert values(tmp_path, {**APP, ".env": f"A={value}\n"})["A"] == value


def test_the_usual_port_is_another_servers_for_an_app_of_vite(tmp_path):
    manifest = {"package.json": json.dumps({"dependencies": {"vite": "7"}})}
    got = values(tmp_path, {**manifest, ".env": "VITE_API=http://localhost:3000/api\n"})
    assert got["VITE_API"] == "http://localhost:3000/api"


def test_a_link_is_no_env_file(tmp_path):
    root = folder(tmp_path / "d", {"x": ""})
    (root / ".env").symlink_to(folder(tmp_path / "o", {"e": "A=1"}) / "e")
    assert "A" not in merged("d", PATH, FixSettings(), root, {})


@pytest.mark.parametrize("text", ["{{ nope }}", "{% x %}", "{{ ''.__class__.__mro__ }}", "{{"])
def test_a_bad_template_stops_the_start_and_is_not_shown(text):
    with pytest.raises(ConfigError) as error:
        FixSettings(variables={"SECRET": text})
    assert text not in error.value.summary
    assert "SECRET" in error.value.summary


def test_a_bad_name_stops_the_start():
    with pytest.raises(ConfigError):
        FixSettings(variables={"A B": "x"})
