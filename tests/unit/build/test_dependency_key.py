import json

import pytest

from drafterd.build.dependency_key import dependency_key

PACKAGE = {"name": "a", "version": "1.0.0", "scripts": {"build": "next build"}, "dependencies": {"next": "16"}}


@pytest.fixture
def key(tmp_path):
    def of(package=PACKAGE, files=None, **changes):
        for path in tmp_path.rglob("*"):
            if path.is_file():
                path.unlink()
        text = package if isinstance(package, str) else json.dumps(package)
        for name, content in {"package.json": text, **(files or {})}.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(content)
        asked = {
            "manager": "npm",
            "words": ("install",),
            "locks": ("package-lock.json",),
            "surroundings": {"node": "22"},
        }
        return dependency_key(tmp_path, **asked | changes)

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
        (PACKAGE, {}, {"surroundings": {"node": "24"}}),
    ],
)
def test_what_it_reads_is(key, package, files, changes):
    assert key() is not None
    assert key(package, files, **changes) not in (None, key())


def test_the_lock_of_another_manager_is_not_read(key):
    assert key(files={"yarn.lock": "x"}) == key()


def test_credentials_are_no_part_of_it(key):
    first = key(files={".npmrc": "registry=https://r.test/\n//r.test/:_authToken=one\n"})
    assert first == key(files={".npmrc": "registry=https://r.test/\n//r.test/:_authToken=two\n"})
    assert first != key()


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


def test_patches_are_not_shared(key):
    assert key(files={"patches/next.patch": ""}) is None
