"""What is made once and kept: the root folder of a small Debian, and the wheels of everything that drafterd needs."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3-venv", "slirp4netns", "nginx-light")
_APT = Path("/etc/apt")
_UNUSED = ("doc", "man", "locale", "info", "lintian", "bug")


@dataclass(frozen=True, slots=True)
class Debian:
    """The kept folders: nothing writes into them."""

    root: Path
    wheels: Path


def _run(*argv: str | Path, within: float) -> str:
    words = [str(word) for word in argv]
    done = subprocess.run(words, capture_output=True, text=True, timeout=within, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{(done.stdout + done.stderr)[-4000:]}"
    return done.stdout


def suite() -> str:
    """The release of Debian that is booted: the one that was asked for, or this machine's."""
    return os.environ.get("DRAFTERD_BOOT_SUITE") or _codename()


def _codename() -> str:
    """This machine's release of Debian, such as `bookworm`; empty where it is none."""
    facts = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', Path("/etc/os-release").read_text(), re.MULTILINE))
    return facts.get("VERSION_CODENAME", "") if facts.get("ID") == "debian" else ""


def missing() -> str:
    """Why no container can be booted here; empty if it can be."""
    if os.geteuid() != 0:
        return "booting a container needs root"
    if absent := [tool for tool in ("mmdebstrap", "systemd-nspawn", "nsenter") if shutil.which(tool) is None]:
        return f"not installed: {', '.join(absent)} (apt-get install mmdebstrap systemd-container)"
    if not _codename():
        return "the container is made from this machine's packages, and this is not Debian"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--fork", "true"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return f"no namespaces can be made here: {tried.stderr.strip()}" if tried.returncode else ""


def kept() -> Debian:
    """The root folder and the wheels: made if they are not there yet (some minutes), from where this machine gets them."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drafterd-boot"
    caches.mkdir(parents=True, exist_ok=True)
    lock = (CHECKOUT / "requirements.lock").read_bytes()
    root = caches / f"root-{suite()}-{_digest(repr((PACKAGES, _UNUSED)).encode())}"
    with (caches / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not root.exists():
            with _unfinished(root) as folder:
                _make_root(folder)
        (python,) = (path.name.removeprefix("python") for path in root.glob("usr/bin/python3.[0-9]*"))
        wheels = caches / f"wheels-{python}-{_digest(lock)}"
        if not wheels.exists():
            with _unfinished(wheels) as folder:
                _make_wheels(folder, python)
    return Debian(root, wheels)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


@contextmanager
def _unfinished(place: Path) -> Iterator[Path]:
    """A folder that gets its name when it is complete; older ones of its kind and release go."""
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="unfinished-") as name:
        folder = Path(name) / "made"
        folder.mkdir()
        yield folder
        for old in place.parent.glob(f"{place.name.rpartition('-')[0]}-*"):
            shutil.rmtree(old)
        folder.rename(place)


def _make_root(folder: Path) -> None:
    known = (_APT / "sources.list", *sorted((_APT / "sources.list.d").glob("debian.*")))
    settings = re.findall(
        r'^Acquire::(?:https?::.*|Check-[\w-]+) ".*";$', _run("apt-config", "dump", within=20), re.MULTILINE
    )
    with tempfile.TemporaryDirectory() as name:
        sources = []
        for path in known:
            if path.exists():
                sources.append(Path(name, path.name))
                sources[-1].write_text(re.sub(rf"\b{_codename()}\b", suite(), path.read_text()))
        _run(
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            "--format=directory",
            f"--include={','.join(PACKAGES)}",
            "--dpkgopt=force-unsafe-io",
            *(f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in _UNUSED),
            *(f"--aptopt={line.rstrip(';')}" for line in settings),
            suite(),
            folder,
            *sources,
            within=900,
        )


def _make_wheels(folder: Path, python: str) -> None:
    """For that Python: what this one has built or got, and beside that what was compiled for this one alone."""
    with tempfile.TemporaryDirectory() as name:
        locked = Path(name) / "constraints.txt"
        text = (CHECKOUT / "requirements.lock").read_text()
        locked.write_text("".join(f"{line}\n" for line in re.findall(r"^[A-Za-z0-9]\S*==\S*", text, re.MULTILINE)))
        _pip("wheel", "--constraint", locked, "--wheel-dir", folder, f"{CHECKOUT}[all]")
    for own in folder.glob("drafterd-*.whl"):
        own.unlink()
    here = f"cp{sys.version_info.major}{sys.version_info.minor}"
    if here != f"cp{python.replace('.', '')}":
        compiled = ("==".join(path.name.split("-")[:2]) for path in folder.glob(f"*-{here}-{here}-*.whl"))
        _pip("download", "--no-deps", f"--python-version={python}", "--only-binary=:all:", "--dest", folder, *compiled)


def own_wheel(folder: Path, version: str, changes: Mapping[str, tuple[str, str]]) -> Path:
    """The wheel of this checkout, with another version in it, and some files that differ: what stands there, and what is to."""
    source = folder / f"source-{version}"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    for name in ("drafterd", "templates", "etc", "systemd"):
        shutil.copytree(CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    init = source / "drafterd" / "__init__.py"
    text, count = re.subn(r'^__version__ = ".*"$', f'__version__ = "{version}"', init.read_text(), flags=re.MULTILINE)
    assert count == 1
    init.write_text(text)
    for name, (before, after) in changes.items():
        path = source / name
        text = path.read_text()
        assert text.count(before) == 1, f"{name} is not as it was"
        path.write_text(text.replace(before, after))
    _pip("wheel", "--no-deps", "--wheel-dir", folder, source)
    (made,) = folder.glob(f"drafterd-{version}-*.whl")
    return made


def _pip(word: str, *arguments: str | Path) -> None:
    _run(sys.executable, "-m", "pip", "--disable-pip-version-check", word, "--quiet", *arguments, within=600)
