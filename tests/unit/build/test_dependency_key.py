"""What may be installed once for many drafts: the key holds all that the install is given, and nothing else is given."""

import json

import pytest

from drafterd.build.dependency_key import shareable
from drafterd.build.managers import parse

PACKAGE = {"name": "a", "version": "1.0.0", "scripts": {"build": "next build"}, "dependencies": {"next": "16"}}


@pytest.fixture
def given(tmp_path):
    def of(package=PACKAGE, files=None, manager="npm", words=("install",), node="22"):
        for path in tmp_path.rglob("*"):
            if path.is_file():
                path.unlink()
        text = package if isinstance(package, str) else json.dumps(package)
        for name, content in {"package.json": text, **(files or {})}.items():
            (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / name).write_text(content)
        return shareable(tmp_path, manager=parse(manager), words=words, surroundings={"node": node})

    return of


@pytest.fixture
def key(given):
    def of(*args, **changes):
        found = given(*args, **changes)
        return found.key if found else None

    return of


@pytest.mark.parametrize(
    "package",
    [
        PACKAGE | {"name": "b", "version": "2.0.0", "description": "other", "private": True},
        PACKAGE | {"scripts": {"build": "vite build", "start": "node x"}},
        dict(reversed(PACKAGE.items())),
    ],
)
def test_what_an_install_does_not_read_is_no_part_of_it(key, package):
    assert key() == key(package)


@pytest.mark.parametrize(
    ("package", "files", "changes"),
    [
        (PACKAGE | {"dependencies": {"next": "15"}}, {}, {}),
        (PACKAGE | {"devDependencies": {"typescript": "5"}}, {}, {}),
        (PACKAGE | {"overrides": {"react": "19"}}, {}, {}),
        (PACKAGE, {"package-lock.json": "{}"}, {}),
        (PACKAGE, {".npmrc": "legacy-peer-deps=true"}, {}),
        (PACKAGE, {"prisma/schema.prisma": "model A {}"}, {}),
        (PACKAGE, {}, {"manager": "pnpm@10"}),
        (PACKAGE, {}, {"words": ("ci",)}),
        (PACKAGE, {}, {"node": "24"}),
    ],
)
def test_what_it_reads_is(key, package, files, changes):
    assert key() is not None
    assert key(package, files, **changes) not in (None, key())


def test_the_lock_of_another_manager_is_not_read(key):
    assert key(files={"yarn.lock": "x"}) == key()


def test_who_has_another_token_does_not_get_what_somebody_elses_could_read(key):
    first = key(files={".npmrc": "registry=https://r.test/\n//r.test/:_authToken=one\n"})
    assert first != key(files={".npmrc": "registry=https://r.test/\n//r.test/:_authToken=two\n"})


def test_the_install_is_given_what_the_key_is_made_of_and_no_more(given):
    files = {"package-lock.json": "{}", ".npmrc": "legacy-peer-deps=true", "prisma/schema.prisma": "model A {}"}
    found = given(files={**files, "server.js": "1", "yarn.lock": "1"})
    assert {name: data.decode() for name, data in found.files.items()} == {
        "package.json": '{"dependencies": {"next": "16"}}',
        **files,
    }


def test_locks_that_tell_the_drafts_name_keep_it(given, key):
    assert json.loads(given(manager="bun").files["package.json"])["name"] == "a"
    assert key(manager="yarn@4") != key(PACKAGE | {"name": "b"}, manager="yarn@4")


@pytest.mark.parametrize(
    "package",
    [
        PACKAGE | {"workspaces": ["packages/*"]},
        PACKAGE | {"scripts": {"postinstall": "prisma generate"}},
        PACKAGE | {"dependencies": {"x": "file:../x"}},
        PACKAGE | {"dependencies": {"x": "link:./x"}},
        PACKAGE | {"dependencies": {"x": "../x"}},
        PACKAGE | {"dependencies": {"x": "workspace:*"}},
        PACKAGE | {"dependencies": {"x": "git+https://github.com/a/b.git"}},
        PACKAGE | {"dependencies": {"x": "github:a/b"}},
        PACKAGE | {"dependencies": {"x": "a/b#main"}},
        PACKAGE | {"dependencies": {"x": "https://x.test/x.tgz"}},
        PACKAGE | {"dependencies": {"x": 5}},
        PACKAGE | {"pnpm": {"patchedDependencies": {"x": "p.patch"}}},
        PACKAGE | {"pnpm": {"overrides": {"x": "link:./x"}}},
        PACKAGE | {"overrides": {"next": {"x": "file:./x"}}},
        PACKAGE | {"resolutions": {"x": "patch:x@npm%3A1.0.0#./x.patch"}},
        PACKAGE | {"prisma": {"schema": "db/schema.prisma"}},
        PACKAGE | {"scripts": {"dependencies": "node x.js"}},
        PACKAGE | {"scripts": {"pnpm:devPreinstall": "node x.js"}},
        "[]",
        "{",
        "[" * 100_000,
    ],
)
def test_what_depends_on_more_is_not_shared(key, package):
    assert key(package) is None


@pytest.mark.parametrize("wanted", ["^1.2.3", "latest", "npm:other@^1", "1.x || >=2.5.0 <3", "*", "", "19.0.0-rc.1"])
def test_what_comes_from_the_registry_is(key, wanted):
    assert key(PACKAGE | {"dependencies": {"x": wanted}})


@pytest.mark.parametrize(
    "overrides",
    [
        {"overrides": {"react": "$react", "next": {".": "16", "postcss": "8"}}},
        {"pnpm": {"onlyBuiltDependencies": ["@prisma/client", "sharp"], "strictDepBuilds": False}},
        {"prisma": {"seed": "tsx prisma/seed.ts"}},
    ],
)
def test_plain_settings_of_package_json_are(key, overrides):
    assert key(PACKAGE | overrides)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("patches/next.patch", ""),
        ("binding.gyp", "{}"),
        (".pnpmfile.cjs", ""),
        ("prisma.config.ts", ""),
        ("prisma/schema/user.prisma", ""),
        ("pnpm-workspace.yaml", "packages:\n  - 'apps/*'\n"),
        ("pnpm-workspace.yaml", "overrides:\n  x: link:./x\n"),
        ("pnpm-workspace.yaml", "patchedDependencies:\n  x: x.patch\n"),
        (".npmrc", "node-options=--require ./email.js"),
        (".npmrc", "script-shell=./username.sh"),
        (".npmrc", "pnpmfile=hooks.cjs"),
        (".npmrc", "//r.test/:certfile=mine.pem"),
        (".yarnrc.yml", "plugins:\n  - ./x.cjs\n"),
        (".yarnrc", 'yarn-offline-mirror "./mirror"'),
        ("package-lock.json", '{"packages": {"node_modules/x": {"resolved": "file:x.tgz"}}}'),
        ("package-lock.json", '{"packages": {"node_modules/x": {"resolved": "x", "link": true}}}'),
    ],
)
def test_what_reads_other_files_of_the_draft_is_not_shared(key, name, text):
    assert key(files={name: text}) is None


@pytest.mark.parametrize(
    ("name", "text", "manager"),
    [
        ("pnpm-workspace.yaml", "packages:\n  - '.'\n", "pnpm"),
        ("pnpm-workspace.yaml", "onlyBuiltDependencies:\n  - sharp\n", "pnpm"),
        (".yarnrc.yml", "nodeLinker: node-modules\nyarnPath: .yarn/releases/yarn-4.1.0.cjs\n", "yarn@4"),
        ("yarn.lock", '"typescript@patch:typescript@npm%3A5#optional!builtin<compat/typescript>":\n', "yarn@4"),
    ],
)
def test_usual_settings_are_shared(key, name, text, manager):
    assert key(files={name: text}, manager=manager)


def test_a_link_in_the_place_of_settings_is_not_shared(key, given, tmp_path):
    assert key()
    (tmp_path / "other").write_text("legacy-peer-deps=true")
    (tmp_path / ".npmrc").symlink_to("other")
    found = shareable(tmp_path, manager=parse("npm"), words=("install",), surroundings={})
    assert found is None
