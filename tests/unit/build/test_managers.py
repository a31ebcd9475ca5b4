"""How package managers are called, and what is done to a lock for them."""

import time

import pytest

from drafterd.build import locks, managers


@pytest.mark.parametrize(
    ("word", "package"),
    [
        ("pnpm@10", "pnpm@10"),
        ("pnpm@9.1.0-rc.1", "pnpm@9.1.0-rc.1"),
        ("pnpm", "pnpm"),
        ("yarn@1", "yarn@1"),
        ("yarn@1.22.19", "yarn@1.22.19"),
        ("yarn@3", "@yarnpkg/cli-dist@3"),
        ("yarn@4.5.1", "@yarnpkg/cli-dist@4.5.1"),
        ("bun@1", "bun@1"),
    ],
)
def test_a_word_of_a_recipe_names_what_the_registry_is_asked_for(word, package):
    manager = managers.parse(word)
    assert (manager.package, manager.word, manager.fetched) == (package, word, True)


@pytest.mark.parametrize(
    "word",
    ["npm", "npm@10", "", "deno@2", "pnpm@latest", "pnpm@9;id", "pnpm@9 --x", "../pnpm@9", "pnpm@1/../..", "pnpm@9\n"],
)
def test_what_is_no_such_word_is_npm(word):
    assert managers.parse(word) == managers.NPM
    assert not managers.parse(word).fetched


def test_a_version_that_cannot_be_had_gives_way_to_its_major_and_to_the_usual_one():
    assert [found.word for found in managers.parse("pnpm@9.99.0").alternatives()] == [
        "pnpm@9.99.0",
        "pnpm@9",
        "pnpm@10",
    ]
    assert [found.word for found in managers.parse("yarn@4").alternatives()] == ["yarn@4"]
    assert managers.usual("yarn").word == "yarn@1"
    assert managers.usual("bun").word == "bun@1"


@pytest.mark.parametrize("word", ["npm", "pnpm@8", "yarn@1", "yarn@4", "bun@1"])
def test_a_lock_is_kept_to_or_not(word):
    manager = managers.parse(word)
    assert manager.install(locked=True) != manager.install(locked=False)


def test_words_for_a_script_stand_where_the_manager_hands_them_on():
    assert managers.NPM.run("build", ("--webpack",)) == ("run", "build", "--", "--webpack")
    assert managers.NPM.run("build", ()) == ("run", "build")
    # pnpm would hand on the two dashes too.
    assert managers.parse("pnpm@10").run("build", ("--webpack",)) == ("run", "build", "--webpack")
    assert managers.parse("yarn@4").run("build", ("--webpack",)) == ("run", "build", "--webpack")


@pytest.mark.parametrize(
    ("scripts", "called"),
    [
        ({"build": "next build", "dev": "pnpm next dev"}, set()),
        ({"build": "pnpm run gen && next build"}, {"pnpm"}),
        ({"build": "npm run all", "all": "run-s x", "x": "bunx prisma generate"}, {"bun"}),
        ({"build": "npm run a", "a": "next build", "prea": "yarn b"}, {"yarn"}),
        ({"postinstall": "yarn;pnpm i"}, {"yarn", "pnpm"}),
        ({"build": "npm run build"}, set()),
        ({"build": "next build --pnpm-like"}, set()),
    ],
)
def test_managers_that_the_scripts_of_a_build_call(scripts, called):
    assert managers.called(scripts, ()) == called
    assert managers.called(scripts, ("pnpm", "yarn", "bun")) == set()


def test_the_start_script_counts_where_it_is_run():
    scripts = {"start": "npm run serve", "serve": "bun server.ts"}
    assert managers.called(scripts, ()) == set()
    assert managers.called(scripts, (), starts=True) == {"bun"}


AROUND = {"npm_config_registry": "https://packages.test/npm/", "https_proxy": "http://proxy.test:3128"}


def test_every_manager_is_kept_to_our_registry_and_our_caches(tmp_path):
    pnpm = managers.settings("pnpm", caches=tmp_path, around=AROUND)
    yarn = managers.settings("yarn", caches=tmp_path, around=AROUND)
    bun = managers.settings("bun", caches=tmp_path, around=AROUND)

    assert pnpm["npm_config_store_dir"] == pnpm["pnpm_config_store_dir"] == f"{tmp_path}/pnpm"
    assert pnpm["pnpm_config_registry"] == AROUND["npm_config_registry"]
    assert yarn["YARN_NPM_REGISTRY_SERVER"] == "https://packages.test/npm"
    assert yarn["YARN_HTTPS_PROXY"] == "http://proxy.test:3128"
    assert yarn["YARN_CACHE_FOLDER"].startswith(f"{tmp_path}/")
    assert bun["BUN_CONFIG_REGISTRY"] == AROUND["npm_config_registry"]
    assert managers.settings("npm", caches=tmp_path, around=AROUND) == {}


@pytest.mark.parametrize(
    "line",
    [
        "npm error code EUSAGE",
        ' ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with "frozen-lockfile" because pnpm-lock.yaml is not up to date',
        ' ERR_PNPM_NO_LOCKFILE  Cannot install with "frozen-lockfile" because pnpm-lock.yaml is absent',
        ' ERR_PNPM_BROKEN_LOCKFILE  The lockfile at "x/pnpm-lock.yaml" is broken: can not read',
        " ERR_PNPM_LOCKFILE_CONFIG_MISMATCH  Cannot proceed with the frozen installation.",
        " ERROR  Headless installation requires a pnpm-lock.yaml file",
        "error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.",
        "➤ YN0028: │ The lockfile would have been modified by this install, which is explicitly forbidden.",
        "error: lockfile had changes, but lockfile is frozen",
        "error SyntaxError: Unknown token: { line: 134, col: 1 } 134:1 in x/yarn.lock",
        "YAMLException: can not read a block mapping entry; a multiline key may not be an implicit key (274:1)",
    ],
)
def test_a_lock_that_cannot_be_used_is_recognised(line):
    assert managers.UNUSABLE_LOCK.search(line)
    assert not managers.UNUSABLE_LOCK.search(f"note: {line.lower()}")


CLASSIC = 'resolved "https://registry.yarnpkg.com/@babel/core/-/core-7.1.0.tgz#abc"'
BERRY = 'resolution: "x@npm:1.0.0::__archiveUrl=https%3A%2F%2Fmirror.test%2Fapi%2Fnpm%2F%40a%2Fx%2F-%2Fx-1.0.0.tgz"'


@pytest.mark.parametrize(
    ("text", "registry", "expected"),
    [
        (CLASSIC, "https://registry.npmjs.org/", CLASSIC),
        (CLASSIC, "https://ours.test/npm", 'resolved "https://ours.test/npm/@babel/core/-/core-7.1.0.tgz#abc"'),
        (
            '["is-odd@3.0.1", "https://a.test/b/npm-all/is-odd/-/is-odd-3.0.1.tgz", {}]',
            "https://registry.npmjs.org/",
            '["is-odd@3.0.1", "https://registry.npmjs.org/is-odd/-/is-odd-3.0.1.tgz", {}]',
        ),
        (
            BERRY,
            "https://registry.npmjs.org/",
            'resolution: "x@npm:1.0.0::__archiveUrl=https%3A%2F%2Fregistry.npmjs.org%2F%40a%2Fx%2F-%2Fx-1.0.0.tgz"',
        ),
        (
            '"https://codeload.github.com/a/b/tar.gz/c"',
            "https://ours.test",
            '"https://codeload.github.com/a/b/tar.gz/c"',
        ),
        ('"git+ssh://git@github.com/a/b.git#c"', "https://ours.test", '"git+ssh://git@github.com/a/b.git#c"'),
        ("https://ours.test/a/-/a-1.0.0.tgz", "https://ours.test", "https://ours.test/a/-/a-1.0.0.tgz"),
    ],
)
def test_addresses_of_packages_in_a_lock_become_those_of_our_registry(text, registry, expected):
    assert locks.redirect(text, registry) == expected
    assert locks.redirect(expected, registry) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://a" + "/b" * 300_000,
        "https://" * 100_000,
        "__archiveUrl=https%3A%2F%2F" + "a%2F" * 200_000,
        "x/-/" * 200_000,
    ],
)
def test_a_hostile_lock_does_not_take_long(text):
    began = time.monotonic()
    locks.redirect(text, "https://ours.test/")
    assert time.monotonic() - began < 5


def test_a_snapshot_is_the_root_of_what_is_installed(tmp_path):
    locks.fit(tmp_path, managers.parse("pnpm@10"), registry="https://registry.npmjs.org/")
    assert (tmp_path / "pnpm-workspace.yaml").read_text() == "packages:\n  - '.'\n"
    (tmp_path / "pnpm-workspace.yaml").write_text("packages: [a]\n")
    locks.fit(tmp_path, managers.parse("pnpm@10"), registry="https://registry.npmjs.org/")
    assert (tmp_path / "pnpm-workspace.yaml").read_text() == "packages: [a]\n"

    locks.fit(tmp_path, managers.parse("yarn@4"), registry="https://registry.npmjs.org/")
    assert (tmp_path / "yarn.lock").read_bytes() == b""


def test_a_lock_is_changed_in_place_and_said_and_no_link_is_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text('resolved "https://gone.test/a/-/a-1.0.0.tgz"\n')
    source = tmp_path / "source"
    source.mkdir()
    lock = source / "yarn.lock"
    lock.symlink_to(outside)
    yarn = managers.parse("yarn@1")
    assert locks.fit(source, yarn, registry="https://ours.test/") == ()
    assert "gone.test" in outside.read_text()

    lock.unlink()
    lock.write_text('resolved "https://gone.test/a/-/a-1.0.0.tgz"\n')
    assert "ours.test" in locks.fit(source, yarn, registry="https://ours.test/")[0]
    assert lock.read_text() == 'resolved "https://ours.test/a/-/a-1.0.0.tgz"\n'
    assert locks.fit(source, yarn, registry="https://ours.test/") == ()
