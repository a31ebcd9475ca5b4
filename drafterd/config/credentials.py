"""The operator's own values: a dotenv file, systemd's credentials folder, the environment.

Apart from the model, because these are secrets: they are read when they are needed and kept nowhere.
"""

import io
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from drafterd.config.values import is_variable
from drafterd.domain.errors import ConfigError
from drafterd.domain.protection import PASSWORD_MAX, PASSWORD_MIN
from drafterd.files import NotRegular, read_regular, write_atomic

OPERATOR = ("NEXTAUTH_SECRET", "DATABASE_URL", "GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GROQ_API_KEY")
"""The variables whose values only the operator knows."""

INHERITED = ("GROQ_API_KEY",)
"""What the daemon's own environment may give to drafts; nothing else of it is."""

_LIMIT = 65_536
_SECRET_BYTES = 32


def operator_values(
    file: Path | None, *, environ: Mapping[str, str], nextauth: Path, daemon: int | None = None
) -> dict[str, str]:
    """Every value the operator gives, the strongest last: made by us, environment, systemd, `file`.

    Args:
        file: The dotenv file of the configuration, or None.
        environ: The daemon's environment: `CREDENTIALS_DIRECTORY` and what is inherited.
        nextauth: The file of the random NEXTAUTH_SECRET; it may not exist.
        daemon: The daemon's user, whose files these may be too: root may ask in its place.

    Raises:
        ConfigError: A file is missing, unreadable, malformed, or open to others.
    """
    found: dict[str, str] = {}
    if nextauth.exists():
        found["NEXTAUTH_SECRET"] = _read(nextauth, daemon=daemon).strip()
    found |= {name: environ[name] for name in INHERITED if environ.get(name)}
    if folder := environ.get("CREDENTIALS_DIRECTORY"):
        found |= _from_folder(Path(folder))
    if file is not None:
        found |= _from_dotenv(file, daemon=daemon)
    return found


def password(file: Path, *, daemon: int | None = None) -> str:
    """The password of a draft: the first line of a file that only its owner may read. Raises `ConfigError`."""
    found = _read(file, daemon=daemon).partition("\n")[0].rstrip("\r")
    if not PASSWORD_MIN <= len(found) <= PASSWORD_MAX:
        raise ConfigError(f"{file}: its first line has to be a password of {PASSWORD_MIN} to {PASSWORD_MAX} characters")
    return found


def keep_secret(path: Path) -> str:
    """The random secret in `path`, made at the first call. Readable by its owner only.

    Raises:
        ConfigError: The file is there but cannot be used.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, secrets.token_hex(_SECRET_BYTES).encode() + b"\n", mode=0o600)
    return _read(path).strip()


def _from_folder(folder: Path) -> dict[str, str]:
    """Systemd's folder: a file per value named as the variable, and `credentials.env` as dotenv."""
    found: dict[str, str] = {}
    if not folder.is_dir():
        raise ConfigError(f"{folder}: $CREDENTIALS_DIRECTORY names no folder")
    if (folder / "credentials.env").exists():
        found |= _from_dotenv(folder / "credentials.env", private=False)
    for file in sorted(folder.iterdir()):
        # Other credentials of the unit (certificates and the like) bear other names.
        if is_variable(file.name) and file.name.isupper():
            found[file.name] = _read(file, private=False).rstrip("\r\n")
    return found


def _from_dotenv(file: Path, *, private: bool = True, daemon: int | None = None) -> dict[str, str]:
    found: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(_read(file, private=private, daemon=daemon))):
        if binding.key is None and not binding.error:
            continue  # a comment, an empty line
        if binding.error or binding.value is None or not is_variable(binding.key or ""):
            line = binding.original.line
            raise ConfigError(f"{file}: line {line}: found no NAME=value", hint="write NAME=value, one a line")
        if binding.key and binding.value:  # an empty one is a placeholder not yet filled in
            found[binding.key] = binding.value
    return found


def _read(path: Path, *, private: bool = True, daemon: int | None = None) -> str:
    """The text of a file. `private`: refuse it where others may read it.

    Systemd guards its folder itself: access lists there look like a mode of 0440.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path}: is no regular file")
        if private and (status.st_mode & 0o077 or status.st_uid not in {0, os.geteuid(), daemon}):
            raise ConfigError(
                f"{path}: found mode {stat.S_IMODE(status.st_mode):04o} of user {status.st_uid}, "
                "0600 or stricter of your own user is allowed",
                hint=f"chmod 600 {path}",
            )
        return read_regular(path.resolve(), limit=_LIMIT).decode()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file", hint="mend the path in the configuration") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except (NotRegular, OSError) as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
