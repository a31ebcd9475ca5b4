"""The projects under `fixtures/drafts/broken`: one for each class of failure, and what is to become of it."""

from dataclasses import dataclass
from pathlib import Path

from tests.server import FIXTURES

BROKEN = FIXTURES / "broken"
LIVE = "It runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One project.

    Attributes:
        live: The beginning of the first heading when it goes live; "" for one that must fail.
        repairs: The codes of the repairs, each of which must have been made; None: whatever was needed.
        code: Of the problem it fails with.
        mend: Who can mend it.
        where: Part of the place that the problem names.
        proposal: Part of what is proposed.
        quick: Whether it takes seconds: the others are run by `make e2e` only.
        pending: Why it cannot be expected yet, or "".
    """

    name: str
    live: str = ""
    repairs: tuple[str, ...] | None = ()
    code: str = ""
    mend: str = "draft"
    where: str = ""
    proposal: str = ""
    quick: bool = False
    pending: str = ""

    @property
    def folder(self) -> Path:
        """The project."""
        return BROKEN / self.name


def _live(name: str, *repairs: str, heading: str = LIVE, quick: bool = False) -> Case:
    return Case(name=name, live=heading, repairs=repairs, quick=quick)


CASES: tuple[Case, ...] = (
    # Of the install
    _live("peer-conflict", "legacy-peers", quick=True),
    _live("lock-mismatch", "unusable-lock", quick=True),
    _live("engine-strict", "any-engine", quick=True),
    _live("foreign-registry", quick=True),
    _live("pnpm-lock", heading="It runs with 2.0.0", quick=True),
    _live("yarn-lock", heading="It runs with 2.0.0", quick=True),
    _live("bun-lock", heading="It runs with 2.0.0", quick=True),
    _live("jsonc", quick=True),
    Case(name="no-such-version", code="no-such-version", proposal="99.0.0", quick=True),
    Case(name="workspace-protocol", code="workspace-protocol", quick=True),
    _live("install-variable", "placeholders", quick=True),
    # Of the build
    _live("no-start"),
    _live("missing-known", "missing-packages"),
    Case(name="missing-invented", code="missing-package", where="app/page.jsx:1", proposal="@acme-drafts/glow-button"),
    Case(name="missing-file", code="missing-file", where="app/page.jsx:1", proposal="npx shadcn add button"),
    _live("type-error", "ignore-types", heading="It runs with four seats"),
    _live("missing-typescript", "typescript-packages", heading="It runs with 4 seats"),
    _live("lint-error", heading="It runs, doesn't it"),
    _live("env-at-build", "placeholders"),
    Case(name="public-env", code="missing-variables", mend="config", proposal="NEXT_PUBLIC_SUPABASE_URL"),
    Case(name="google-font", live=LIVE, repairs=None),
    _live("search-params", "loading-page"),
    _live("webpack-key", "webpack"),
    _live("export-with-route"),
    _live("missing-use-client", "use-client"),
    Case(name="syntax-error", code="syntax-error", where="app/page.jsx"),
    Case(name="prerender-throws", code="prerender-failed", proposal="force-dynamic"),
    # Of other kinds, and of running
    _live("vite-spa", quick=True),
    _live("vite-missing-known", "missing-packages", quick=True),
    _live("vite-type-error", "without-checks", quick=True),
    _live("prisma-client", "prisma-client", quick=True),
    _live("cra"),
    _live("express-port", quick=True),
)
