"""What a build's commands see of the world."""

from drafterd.build import environment
from drafterd.domain.model import Address


def test_only_what_reaches_the_registry_is_passed_on(tmp_path):
    (tmp_path / ".npmrc").write_text(
        "registry=https://npm.example/\n//npm.example/:_authToken=abc\ncafile=/etc/ca.pem\nproxy=http://u:p@proxy/\n"
        "; a comment\nhttps-proxy=${SECRET}\nbroken line\n"
    )
    found = environment.surroundings(
        {"HOME": str(tmp_path), "https_proxy": "http://proxy:3128", "GROQ_API_KEY": "gsk_x", "AWS_SECRET": "y"},
        prefixes=[tmp_path / "none"],
    )
    found.pop("npm_config_cafile", None) if found.get("npm_config_cafile") != "/etc/ca.pem" else None
    assert found["npm_config_registry"] == "https://npm.example/"
    assert found["npm_config_cafile"] == "/etc/ca.pem"
    assert found["https_proxy"] == "http://proxy:3128"
    assert not {"GROQ_API_KEY", "AWS_SECRET", "npm_config_proxy", "npm_config_https_proxy"} & found.keys()
    assert not any("abc" in value for value in found.values())


def test_the_environment_beats_the_files(tmp_path):
    (tmp_path / ".npmrc").write_text("registry=https://file.example/\n")
    found = environment.surroundings(
        {"HOME": str(tmp_path), "npm_config_registry": "https://env.example/"}, prefixes=[]
    )
    assert found["npm_config_registry"] == "https://env.example/"


def test_a_draft_cannot_steer_our_tools():
    asked = {
        "PATH": "/evil", "LD_PRELOAD": "x.so", "GCONV_PATH": ".", "LOCPATH": ".", "NODE_OPTIONS": "--require=x", "npm_config_registry": "http://evil",
        "NODE_ENV": "production", "DRAFTERD_MARK": "x", "HOME": "/", "NEXT_PRIVATE_STANDALONE": "0", "NUL": "a\0b",
        "MY_KEY": "1", "NEXT_PUBLIC_A": "2", "PORT": "3001",
    }  # fmt: skip
    asked |= dict.fromkeys(
        ("PNPM_HOME", "YARN_IGNORE_PATH", "BUN_OPTIONS", "COREPACK_ROOT", "pnpm_config_registry"), "x"
    )
    assert environment.drafts_own(asked) == {"MY_KEY": "1", "NEXT_PUBLIC_A": "2", "PORT": "3001"}


def test_no_address_with_a_password_is_passed_on(tmp_path):
    found = environment.surroundings(
        {
            "https_proxy": "http://me:word@proxy:3128",
            "HTTP_PROXY": "me:word@proxy:3128",
            "http_proxy": "proxy:3128",
            "npm_config_registry": "https://me@npm.example/",
            "no_proxy": "localhost,.example.com",
        },
        prefixes=[tmp_path],
    )
    assert {name: value for name, value in found.items() if "proxy" in name.lower() and "config" not in name} == {
        "http_proxy": "proxy:3128",
        "no_proxy": "localhost,.example.com",
    }
    assert "me@" not in str(found)


def test_what_is_not_passed_on_is_named_without_its_value(tmp_path):
    (tmp_path / ".npmrc").write_text("proxy=http://u:password-1@proxy/\nregistry=https://npm.example/\n")
    given = {"HOME": str(tmp_path), "HTTPS_PROXY": "http://u:password-2@proxy", "http_proxy": "http://proxy:3128"}
    assert environment.withheld(given, prefixes=[]) == ("HTTPS_PROXY", f"`proxy` in {tmp_path}/.npmrc")
    assert environment.withheld({"HOME": str(tmp_path / "gone")}, prefixes=[]) == ()


def test_tokens_of_a_drafts_own_settings_are_found(tmp_path):
    (tmp_path / ".npmrc").write_text(
        "registry=https://npm.example/\n//npm.example/:_authToken=npm_abcdefgh\n//x/:_password = 'c2VjcmV0cGFzcw=='\n"
        "//y/:_authToken=${NPM_TOKEN}x\n//z/:_auth=short\n"
    )
    (tmp_path / ".yarnrc.yml").write_text('npmAuthToken: "yarn-token-1"\nnpmAuthIdent: user:yarn-pass\n')
    (tmp_path / "bunfig.toml").write_text('[install.scopes]\nx = { token = "bun-token-1", url = "u" }\n')
    found = environment.tokens(tmp_path)
    for wanted in ("npm_abcdefgh", "c2VjcmV0cGFzcw==", "yarn-token-1", "user:yarn-pass"):
        assert wanted in found.values()
    assert any("bun-token-1" in value for value in found.values())
    assert ".npmrc:1" in found
    assert environment.tokens(tmp_path / "none") == {}


def test_where_dependencies_come_from():
    around = {
        "npm_config_registry": "http://localhost:4873/npm/",
        "https_proxy": "proxy.example:3128",
        "HTTP_PROXY": "http://proxy.example:3128",
        "no_proxy": "localhost",
        "npm_config_proxy": "http://[broken",
    }
    assert set(environment.registry_places(around)) == {Address("127.0.0.1", 4873), Address("proxy.example", 3128)}
    assert environment.registry_places({}) == (Address("registry.npmjs.org", 443),)


def test_where_a_database_is():
    urls = ["postgresql://u:p@db/x", "mysql://[::1]:3307/x", "file:./dev.db", "postgres://h:99999/x", ""]
    assert environment.places_of(urls) == (Address("db", 5432), Address("::1", 3307))
