"""The wheel: installed elsewhere it runs, and brings its templates, samples and units along."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from drafterd import __version__

ROOT = Path(__file__).resolve().parents[2]
TRAVELLING = ("templates", "etc", "systemd")


def run(*argv: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in argv], cwd=cwd, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A virtual environment that holds the wheel, and sees this one's dependencies but not this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        *folder.glob("*.whl"),
        cwd=folder,
    )
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # A path in a .pth is searched last, and its own .pth files, such as this checkout's, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Path(folder) / "venv"


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_its_command_runs(installed):
    assert __version__ in run(installed / "bin" / "drafterd", "version", cwd=installed)
    assert __version__ in run(installed / "bin" / "python", "-m", "drafterd", "version", cwd=installed)


@pytest.mark.parametrize("name", TRAVELLING)
def test_it_brings_its_files(installed, name):
    ask = "import sys; from drafterd import resources; print(resources.folder(sys.argv[1]))"
    folder = Path(run(installed / "bin" / "python", "-c", ask, name, cwd=installed).strip())
    assert folder.is_relative_to(installed)
    tracked = run("git", "ls-files", "--cached", "--others", "--exclude-standard", name, cwd=ROOT).split()
    wanted = {path.removeprefix(f"{name}/") for path in tracked}
    assert wanted
    assert files_below(folder) >= wanted


def test_it_brings_what_lies_beside_its_modules(installed):
    ask = "from pathlib import Path; import drafterd; print(Path(drafterd.__file__).parent)"
    package = Path(run(installed / "bin" / "python", "-c", ask, cwd=installed).strip())
    assert package.is_relative_to(installed)
    wanted = {name for name in files_below(ROOT / "drafterd") if "__pycache__" not in name}
    assert files_below(package) >= wanted
