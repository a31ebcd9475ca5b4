"""What a build's commands see of the world."""

from drafterd.build import environment


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
        "PATH": "/evil", "LD_PRELOAD": "x.so", "NODE_OPTIONS": "--require=x", "npm_config_registry": "http://evil",
        "NODE_ENV": "production", "DRAFTERD_MARK": "x", "HOME": "/", "NEXT_PRIVATE_STANDALONE": "0", "NUL": "a\0b",
        "MY_KEY": "1", "NEXT_PUBLIC_A": "2", "PORT": "3001",
    }  # fmt: skip
    asked |= dict.fromkeys(
        ("PNPM_HOME", "YARN_IGNORE_PATH", "BUN_OPTIONS", "COREPACK_ROOT", "pnpm_config_registry"), "x"
    )
    assert environment.drafts_own(asked) == {"MY_KEY": "1", "NEXT_PUBLIC_A": "2", "PORT": "3001"}


def test_what_is_masked_in_logs():
    values = {
        "KEY": "12345678", "SHORT": "1234567", "NEXT_PUBLIC_KEY": "12345678",
        "NEXTAUTH_URL": "http://localhost:8080", "DATABASE_URL": "postgresql://u:p@h/d", "PORT": "3001",
    }  # fmt: skip
    assert environment.secrets(values).keys() == {"KEY", "DATABASE_URL"}
