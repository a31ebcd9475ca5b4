"""Package managers: what each is called with, and the settings that keep it to our caches and our registry."""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_WORD = re.compile(
    r"(?P<tool>npm|pnpm|yarn|bun)(?:@(?P<version>\d{1,4}(?:\.\d{1,6}){0,2}(?:-[0-9A-Za-z][0-9A-Za-z.-]{0,40})?))?"
)
_QUIET = ("--no-audit", "--no-fund", "--no-progress")

_HOOKS = ("preinstall", "install", "postinstall", "prepare", "prebuild", "build", "postbuild")
_START_HOOKS = ("prestart", "start", "poststart")
_COMMANDS = {"pnpm": "pnpm", "pnpx": "pnpm", "yarn": "yarn", "yarnpkg": "yarn", "bun": "bun", "bunx": "bun"}
PROGRAMS = ("pnpm", "yarn", "bun")
"""The commands of those that are fetched."""
_SCRIPT_WORD = re.compile(r"[\w:.@/-]+")

UNREADABLE_LOCK = re.compile(
    r"^error SyntaxError: .*yarn\.lock|^error .*Invalid value type.*yarn\.lock|^YAMLException: "
)
"""Yarn says that it cannot read its lock file, and gives up where others begin a new one."""

UNUSABLE_LOCK = re.compile(
    r"^npm error code EUSAGE"
    r"|ERR_PNPM_(?:OUTDATED_LOCKFILE|NO_LOCKFILE|BROKEN_LOCKFILE|LOCKFILE_\w+)"
    r"|^\s*ERROR\s+Headless installation requires a pnpm-lock\.yaml"
    r"|^error Your lockfile needs to be updated"
    r"|\bYN0028\b"
    r"|^error: lockfile had changes, but lockfile is frozen"
    rf"|{UNREADABLE_LOCK.pattern}"
)
"""A manager says that the lock file does not fit, or is none that it can read."""

UNSUPPORTED_ENGINE = re.compile(r"^npm error code EBADENGINE|ERR_PNPM_UNSUPPORTED_ENGINE")
"""A manager refuses a package, or the draft itself, because of the versions that it asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How one family of versions works.

    Attributes:
        package: What it is called in the registry.
        locks: Its lock files; the first that is there counts.
        frozen: Installs what the lock says and nothing else.
        loose: Installs, and resolves what the lock does not say.
        separator: What stands between a script and the words for it.
        usual: The major version that is taken when another one cannot be had.
    """

    package: str
    locks: tuple[str, ...]
    frozen: tuple[str, ...]
    loose: tuple[str, ...]
    separator: tuple[str, ...] = ()
    usual: str = ""


_NPM = _Way(
    package="npm",
    locks=("npm-shrinkwrap.json", "package-lock.json"),
    frozen=("ci", *_QUIET),
    loose=("install", *_QUIET),
    separator=("--",),
)
_PNPM = _Way(
    package="pnpm",
    locks=("pnpm-lock.yaml",),
    frozen=("install", "--frozen-lockfile"),
    loose=("install", "--no-frozen-lockfile"),
    usual="10",
)
# Engines that a package of the tree does not like are an error to this one only.
_CLASSIC_WORDS = ("install", "--non-interactive", "--no-progress", "--ignore-engines", "--production=false")
_CLASSIC = _Way(
    package="yarn",
    locks=("yarn.lock",),
    frozen=(*_CLASSIC_WORDS, "--frozen-lockfile"),
    loose=_CLASSIC_WORDS,
    usual="1",
)
_BERRY = _Way(
    package="@yarnpkg/cli-dist",
    locks=("yarn.lock",),
    frozen=("install", "--immutable"),
    loose=("install", "--no-immutable"),
    usual="4",
)
# Copies: hard links would let a build write into the cache that all drafts share.
_BUN_WORDS = ("install", "--backend=copyfile", "--linker=hoisted", "--no-progress")
_BUN = _Way(
    package="bun",
    locks=("bun.lock", "bun.lockb"),
    frozen=(*_BUN_WORDS, "--frozen-lockfile"),
    loose=_BUN_WORDS,
    usual="1",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """A package manager, as a recipe asks for it.

    Attributes:
        tool: Its command.
        version: What is asked for: "", a major version, or a whole one.
    """

    tool: str
    version: str = ""

    @property
    def word(self) -> str:
        """The form in which recipes name it; fit to be the name of a folder."""
        return f"{self.tool}@{self.version}" if self.version else self.tool

    @property
    def package(self) -> str:
        """What is asked of the registry."""
        return f"{self._way.package}@{self.version}" if self.version else self._way.package

    @property
    def fetched(self) -> bool:
        """Whether it comes from the registry; npm comes with Node."""
        return self._way is not _NPM

    @property
    def locks(self) -> tuple[str, ...]:
        """Its lock files."""
        return self._way.locks

    @property
    def berry(self) -> bool:
        """Whether it is Yarn 2 or later."""
        return self._way is _BERRY

    @property
    def named(self) -> bool:
        """Whether its lock tells the name of the draft."""
        return self._way in (_BERRY, _BUN)

    @property
    def _way(self) -> _Way:
        if self.tool == "yarn":
            return _CLASSIC if self.version.split(".")[0] in ("", "0", "1") else _BERRY
        return {"npm": _NPM, "pnpm": _PNPM, "bun": _BUN}[self.tool]

    def alternatives(self) -> Iterator["Manager"]:
        """What to take, the best first: the version asked for, its major, the usual one."""
        versions = (self.version, self.version.split(".")[0], self._way.usual)
        for version in dict.fromkeys(versions):
            yield Manager(tool=self.tool, version=version)

    def install(self, *, locked: bool) -> tuple[str, ...]:
        """The words that install the dependencies.

        Args:
            locked: Whether the lock file must be kept to.
        """
        return self._way.frozen if locked else self._way.loose

    def run(self, script: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """The words that run a script with more words at its end."""
        following = (*self._way.separator, *arguments) if arguments else ()
        return ("run", script, *following)


NPM = Manager(tool="npm")


def parse(word: str) -> Manager:
    """A manager by its word in a recipe; what is none is npm."""
    found = _WORD.fullmatch(word)
    if found is None or found["tool"] == "npm":
        return NPM
    return Manager(tool=found["tool"], version=found["version"] or "")


def usual(tool: str) -> Manager:
    """A manager by its command alone, in the version that most use."""
    return tuple(Manager(tool=tool).alternatives())[-1]


def called(scripts: Mapping[str, str], installed: Container[str], *, starts: bool = False) -> set[str]:
    """Commands of managers that the scripts of an install or a build call, directly or through other scripts.

    Args:
        scripts: Those of package.json.
        installed: Packages of the draft's own, which bring their commands themselves.
        starts: Whether the script `start` is run too.
    """
    waiting = [*_HOOKS, *(_START_HOOKS if starts else ())]
    seen, words = set(waiting), set[str]()
    while waiting:
        found = set(_SCRIPT_WORD.findall(scripts.get(waiting.pop(), "")))
        words |= found
        for name in found & scripts.keys():
            new = {f"pre{name}", name, f"post{name}"} - seen
            seen |= new
            waiting += new
    return {tool for word, tool in _COMMANDS.items() if word in words and tool not in installed}


def settings(tool: str, *, caches: Path, around: Mapping[str, str]) -> dict[str, str]:
    """Variables for all versions of a manager.

    Args:
        caches: A folder of ours for what it downloads.
        around: npm's variables, and those of the machine: the registry, certificates and proxies stand there.
    """
    made = _SETTINGS.get(tool)
    return made(caches, around) if made else {}


RUNNING: Mapping[str, Mapping[str, str]] = {
    # No version but the one that lies there, no look at what is installed.
    "pnpm": {
        "npm_config_manage_package_manager_versions": "false",
        "npm_config_package_manager_strict": "false",
        "npm_config_verify_deps_before_run": "false",
        "pnpm_config_pm_on_fail": "ignore",
        "pnpm_config_verify_deps_before_run": "false",
    },
    "yarn": {"YARN_IGNORE_PATH": "1", "SKIP_YARN_COREPACK_CHECK": "1", "YARN_ENABLE_TELEMETRY": "false"},
    "bun": {"DO_NOT_TRACK": "1"},
}
"""Variables of a server whose start script calls a manager."""


def _pnpm(caches: Path, around: Mapping[str, str]) -> dict[str, str]:
    chosen = {
        "store_dir": str(caches / "pnpm"),
        "cache_dir": str(caches / "pnpm-metadata"),
        # A flat tree of plain folders: no link can leave the release, the traced files of Next.js are
        # all there, and packages that a draft uses without listing them are found, as with npm.
        "node_linker": "hoisted",
        # Not hard links: a build that writes into its packages must not change the store that all share.
        "package_import_method": "clone-or-copy",
        # Install scripts run, as under npm and pnpm before 10.
        "dangerously_allow_all_builds": "true",
        "strict_dep_builds": "false",
        "verify_deps_before_run": "false",
        "engine_strict": "false",
        "strict_peer_dependencies": "false",
        # The version is our choice: none is fetched behind our back, none refused.
        "manage_package_manager_versions": "false",
        "package_manager_strict": "false",
        "pm_on_fail": "ignore",
        "update_notifier": "false",
    }
    for key in ("registry", "cafile", "proxy", "https_proxy", "noproxy", "fetch_retries"):
        if value := around.get(f"npm_config_{key}"):
            chosen[key] = value
    # Since version 11 the variables have a name of its own.
    return {f"{prefix}_config_{key}": value for prefix in ("npm", "pnpm") for key, value in chosen.items()}


def _yarn(caches: Path, around: Mapping[str, str]) -> dict[str, str]:
    """Both Yarns: the first has no settings of these names but for the folder of its cache."""
    chosen = {
        "YARN_CACHE_FOLDER": str(caches / "yarn"),
        "YARN_GLOBAL_FOLDER": str(caches / "yarn"),
        "YARN_ENABLE_GLOBAL_CACHE": "true",
        "YARN_ENABLE_TELEMETRY": "false",
        "YARN_ENABLE_PROGRESS_BARS": "false",
        "YARN_ENABLE_INLINE_BUILDS": "true",
        "YARN_ENABLE_SCRIPTS": "true",
        "YARN_NODE_LINKER": "node-modules",
        # A program that the draft brings is not the one that we chose.
        "YARN_IGNORE_PATH": "1",
        "SKIP_YARN_COREPACK_CHECK": "1",
    }
    if registry := around.get("npm_config_registry"):
        chosen["YARN_NPM_REGISTRY_SERVER"] = registry.rstrip("/")
        chosen["YARN_REGISTRY"] = registry
    for name, setting in (("proxy", "http_proxy"), ("https_proxy", "https_proxy")):
        if value := around.get(f"npm_config_{name}") or around.get(setting) or around.get(setting.upper()):
            chosen[f"YARN_{setting.upper()}"] = value
    return chosen


def _bun(caches: Path, around: Mapping[str, str]) -> dict[str, str]:
    chosen = {"BUN_INSTALL_CACHE_DIR": str(caches / "bun"), "DO_NOT_TRACK": "1"}
    if registry := around.get("npm_config_registry"):
        chosen["BUN_CONFIG_REGISTRY"] = registry
    return chosen


_SETTINGS = {"pnpm": _pnpm, "yarn": _yarn, "bun": _bun}
