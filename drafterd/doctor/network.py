"""Whether builds will find their dependencies: the names, the registry, and the clock that certificates are read by."""

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.parse import urlsplit

from drafterd.build import environment
from drafterd.doctor.case import Case, Look
from drafterd.doctor.finding import Finding, Findings, Level, good

CLOCK_MAX = timedelta(seconds=90)
"""How far our clock may be from others': beyond that, share links and sign-ins end early or late."""

_SCHEMES = ("http", "https")
_TIMEOUT = 5.0
_LATER = "what has been installed before is still built; see that this machine reaches it, or name another registry"


def reach(case: Case) -> Findings:
    """The names, the registry and the clock: one request says all three."""
    around = environment.surroundings(case.environ or {})
    url = environment.registry(around)
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES:
        yield Finding("registry", Level.WARNING, "it is no http or https address", "correct `registry` of npm")
        return
    shown = f"{parts.scheme}://{parts.hostname}"
    proxies = _proxies(around)
    if parts.scheme not in proxies:
        yield _names(parts.hostname or "")
    said = _ask(url, proxies, around)
    if isinstance(said, str):
        yield Finding("registry", Level.WARNING, f"{shown} is not reached: {said}", _LATER)
        return
    through = f", through {urlsplit(proxies[parts.scheme]).hostname}" if parts.scheme in proxies else ""
    yield good("registry", f"{shown} answers{through}")
    if said.date is not None:
        yield _clock(said.date)


class _Answer:
    """What a server said, whatever it was.

    Attributes:
        date: Its clock; None where it does not say.
    """

    def __init__(self, date: str | None) -> None:
        try:
            self.date = parsedate_to_datetime(date).astimezone(UTC) if date else None
        except ValueError:
            self.date = None


def _names(host: str) -> Finding:
    """Whether the host's name is found; not waited for longer than builds would."""
    pool = ThreadPoolExecutor(1)
    try:
        pool.submit(socket.getaddrinfo, host, 443, type=socket.SOCK_STREAM).result(_TIMEOUT)
    except (OSError, UnicodeError) as error:
        return Finding("names", Level.WARNING, f"{host} is not found: {error}", "see to /etc/resolv.conf")
    except TooLong:
        return Finding("names", Level.WARNING, f"nobody says where {host} is", "see to /etc/resolv.conf")
    finally:
        pool.shutdown(wait=False)
    return good("names", f"{host} is found")


def _ask(url: str, proxies: Mapping[str, str], around: Mapping[str, str]) -> _Answer | str:
    """Any answer will do, a refusal too: it is there. Else why there is none."""
    try:
        context = ssl.create_default_context(cafile=around.get("npm_config_cafile"))
        handlers = (urllib.request.ProxyHandler(dict(proxies)), urllib.request.HTTPSHandler(context=context))
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - `reach` lets http and https through alone
        with urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT) as answer:
            return _Answer(answer.headers.get("Date"))
    except urllib.error.HTTPError as error:
        with error:
            return _Answer(error.headers.get("Date"))
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, HTTPException, ValueError) as error:
        return str(error) or type(error).__name__


def _proxies(around: Mapping[str, str]) -> dict[str, str]:
    """By scheme, in npm's order: its own settings first."""
    named = {
        "http": ("npm_config_proxy", "http_proxy", "HTTP_PROXY"),
        "https": ("npm_config_https_proxy", "https_proxy", "HTTPS_PROXY", "npm_config_proxy", "http_proxy"),
    }
    found = {scheme: next((around[name] for name in names if name in around), "") for scheme, names in named.items()}
    return {scheme: proxy for scheme, proxy in found.items() if proxy}


def _clock(theirs: datetime) -> Finding:
    away = datetime.now(UTC) - theirs
    if abs(away) <= CLOCK_MAX:
        return good("clock", "as the registry's")
    detail = f"{abs(away.total_seconds()):.0f} s {'ahead of' if away > timedelta(0) else 'behind'} the registry's"
    return Finding("clock", Level.WARNING, detail, "let this machine keep time: install and start chrony")


ALL: tuple[Look, ...] = (reach,)
