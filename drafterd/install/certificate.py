"""Whether the proxy will be able to speak https with the certificate that the configuration names."""

import os
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

from drafterd.config import Config
from drafterd.install.choices import Choices, Proxy
from drafterd.install.finding import Finding, Findings
from drafterd.install.ground import Ground
from drafterd.install.others import MAKE_PROXY_USER, PROXY_USER
from drafterd.install.paths import hidden


def examine(ground: Ground, choices: Choices, config: Config) -> Findings:
    """Certificate and key: that they are there, that Traefik's user may read them, that they fit."""
    certificate, key = config.proxy.tls.certificate, config.proxy.tls.key
    if certificate is None or key is None:
        return
    named = {"proxy.tls.certificate": certificate, "proxy.tls.key": key}
    found = [finding for name, file in named.items() for finding in _one(ground, choices, name, file)]
    yield from found
    if found or not ground.live or os.geteuid() != 0:
        return
    try:
        # A password, were the key to need one, is nobody's to type: the proxy would have to ask too.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        yield Finding(
            f"certificate and key cannot be used: {error}", "name a chain in PEM and its key, without a password"
        )


def _one(ground: Ground, choices: Choices, key: str, file: Path) -> Findings:
    ours = choices.proxy is Proxy.TRAEFIK
    if ours and (folder := hidden(ground, file)):
        yield Finding(f"{key}: {file} lies below {folder}, where services see nothing", "move it to /etc/ssl")
        return
    try:
        if not stat.S_ISREG(ground.at(file).stat().st_mode):
            yield Finding(f"{key}: {file} is no file", "name the certificate and the key themselves")
        elif ours:
            yield from _unreadable(ground, key, file)
    except PermissionError:
        yield Finding(f"{key}: {file} cannot be looked at", "look at it as root", grave=False)
    except OSError as error:
        yield Finding(f"{key}: {file} cannot be read: {error.strerror}", "lay it there first")


def _unreadable(ground: Ground, key: str, file: Path) -> Findings:
    """What keeps Traefik's user from it, the outermost first."""
    user, group = _number(ground, "passwd"), _number(ground, "group")
    named = {file, file.resolve()} if ground.live else {file}
    for place in sorted({above for one in named for above in (one, *one.parents)}):
        status = ground.at(place).stat()
        letter = "x" if stat.S_ISDIR(status.st_mode) else "r"
        shift = 6 if status.st_uid == user else 3 if status.st_gid == group else 0
        if not status.st_mode >> shift & {"x": 1, "r": 4}[letter]:
            first = "" if group is not None else f"{MAKE_PROXY_USER}; "
            mend = f"{first}chgrp {PROXY_USER} {place}; chmod g+{letter} {place}"
            yield Finding(f"{key}: {PROXY_USER} may not {'enter' if letter == 'x' else 'read'} {place}", mend)
            return


def _number(ground: Ground, file: str) -> int | None:
    """The number of Traefik's user or group; None: it is not there yet."""
    return next((int(row[2]) for row in _rows(ground, file) if row[0] == PROXY_USER), None)


def _rows(ground: Ground, file: str) -> Iterator[list[str]]:
    try:
        text = ground.at(Path("/etc", file)).read_text()
    except OSError:
        return
    yield from (line.split(":") for line in text.splitlines())
