"""The gate of protected drafts: who may come in, and what the operator asks of it.

Beside `Control`, because the edge asks it about every request to a protected draft.
"""

import asyncio
import math
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from drafterd.domain.addressing import Addressing
from drafterd.domain.attempts import Attempts
from drafterd.domain.errors import WrongState
from drafterd.domain.names import DraftId
from drafterd.domain.protection import SALT_BYTES, Purpose, end_of, hash_password, matches, signed
from drafterd.domain.routing import Target
from drafterd.protections import Protections

SESSION_LIFE = 7 * 86_400
"""Seconds for which a visitor who knew the password is let in."""
SHARE_LIFE_MAX = 366 * 86_400
"""Seconds: no link lives longer."""

_AT_ONCE = 2
"""A check costs a fifth of a second of a core."""
_WAITING_MAX = 16

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A visitor is let in.

    Attributes:
        cookie: What the visitor shows from now on.
        ends: Until when, seconds since the epoch.
    """

    cookie: str
    ends: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessReport:
    """How a draft is protected.

    Attributes:
        password: Whether there is a password; without one only links let in.
        configured: Whether the configuration says so: then nothing else can change it.
        enforced: Whether the proxy and the daemon do so by now: right after a change it takes a moment.
    """

    protected: bool
    password: bool
    configured: bool
    enforced: bool


class TooManyTries(Exception):
    """A visitor guesses; `wait` seconds until the next try counts."""

    def __init__(self, wait: float) -> None:
        super().__init__()
        self.wait = max(1, math.ceil(wait))


class Gate:
    """Lets visitors into protected drafts.

    Args:
        reached: What visitors of a draft surely reach by now, or None.
        on_change: Called with a draft whose protection changed.
    """

    def __init__(
        self,
        protections: Protections,
        *,
        addressing: Addressing,
        reached: Callable[[DraftId], Target | None],
        on_change: Callable[[DraftId], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._protections = protections
        self._addressing = addressing
        self._reached = reached
        self._on_change = on_change
        self._clock = clock
        self._attempts = Attempts()
        self._checks = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    # Visitors

    def is_protected(self, draft: DraftId) -> bool:
        """Whether only some may visit it."""
        return self._protections.get(draft) is not None

    def has_password(self, draft: DraftId) -> bool:
        """Whether it can be entered by a password."""
        protection = self._protections.get(draft)
        return protection is not None and bool(protection.password)

    def base(self, draft: DraftId) -> str:
        """The draft's own address as a path without a final slash: "" on a host of its own."""
        return self._addressing.prefix(draft)

    def admits(self, draft: DraftId, cookies: Iterable[str]) -> bool:
        """Whether everybody may visit the draft, or one of the cookies lets in."""
        protection = self._protections.get(draft)
        if protection is None:
            return True
        now = self._clock()
        return any(end_of(protection, Purpose.SESSION, draft, cookie, now) is not None for cookie in cookies)

    async def sign_in(self, draft: DraftId, password: str, visitor: str) -> Grant | None:
        """Let somebody in who knows the password; None: it is not the password.

        Raises:
            TooManyTries: The visitor has guessed too often, or too many try at this moment.
        """
        protection = self._protections.get(draft)
        if protection is None or not protection.password:
            return None
        who = (draft, visitor)
        if (wait := self._attempts.begin(who, self._clock())) > 0:
            raise TooManyTries(wait)
        if not await self._is_right(password, protection.password):
            _log.warning("visitor.refused", draft=draft)
            return None
        self._attempts.succeeded(who)
        return self._grant(draft, int(self._clock()) + SESSION_LIFE)

    async def _is_right(self, password: str, hashed: str) -> bool:
        if self._waiting >= _WAITING_MAX:
            raise TooManyTries(1)
        self._waiting += 1
        try:
            async with self._checks:
                return await asyncio.to_thread(matches, password, hashed)
        finally:
            self._waiting -= 1

    def redeem(self, draft: DraftId, token: str) -> Grant | None:
        """Let somebody in who was given a link; None: it has ended, or was never one of this draft."""
        protection = self._protections.get(draft)
        ends = end_of(protection, Purpose.SHARE, draft, token, self._clock()) if protection else None
        return self._grant(draft, ends) if ends is not None else None

    def _grant(self, draft: DraftId, ends: int) -> Grant | None:
        protection = self._protections.get(draft)
        if protection is None:
            return None
        return Grant(cookie=signed(protection, Purpose.SESSION, draft, ends), ends=ends)

    # The operator

    def report(self, draft: DraftId) -> AccessReport:
        """How a draft is protected."""
        protection = self._protections.get(draft)
        target = self._reached(draft)
        return AccessReport(
            protected=protection is not None,
            password=protection is not None and bool(protection.password),
            configured=self._protections.is_configured(draft),
            enforced=target is None or target.protected is (protection is not None),
        )

    async def protect(self, draft: DraftId, password: str | None) -> None:
        """Protect a draft by a password, or, with None, by links only. The sessions of another password end.

        Raises:
            WrongState: The configuration protects it.
        """
        hashed = "" if password is None else await asyncio.to_thread(hash_password, password, os.urandom(SALT_BYTES))
        self._protections.protect(draft, hashed)
        _log.info("draft.protected", draft=draft, password=password is not None)
        self._on_change(draft)

    def lift(self, draft: DraftId) -> None:
        """Let everybody visit it again. Raises `WrongState` where the configuration protects it."""
        self._protections.lift(draft)
        _log.info("draft.opened", draft=draft)
        self._on_change(draft)

    def share(self, draft: DraftId, seconds: int) -> tuple[str, int]:
        """A link that lets in for a time, and when it ends.

        Raises:
            WrongState: The draft is not protected.
        """
        protection = self._protections.get(draft)
        if protection is None:
            raise WrongState(f"{draft} is not protected: its address itself can be given on", hint="protect it first")
        ends = int(self._clock()) + min(seconds, SHARE_LIFE_MAX)
        token = signed(protection, Purpose.SHARE, draft, ends)
        return f"{self._addressing.urls(draft)[0].rstrip('/')}/_drafterd/share/{token}", ends

    def revoke(self, draft: DraftId) -> None:
        """End all links and sessions of a draft. Raises `WrongState` where it is not protected."""
        if not self.is_protected(draft):
            raise WrongState(f"{draft} is not protected: it has no links", hint="protect it first")
        self._protections.renew(draft)
        _log.info("draft.links_revoked", draft=draft)
