"""A real `Control` over hand-made views, behind a real API and a real edge.

The doors behind the control are stand-ins: no process, proxy or folder takes part in what the web
layer answers, and their own tests run the real ones.
"""

import dataclasses
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

import aiohttp

from drafterd.build import reading
from drafterd.domain.addressing import Addressing
from drafterd.domain.masking import Mask
from drafterd.domain.model import AddressKind, Build, BuildStatus, FixRecord, Problem, Source
from drafterd.domain.names import DraftId
from drafterd.domain.plan import Rules
from drafterd.domain.report import Undone
from drafterd.domain.routing import RouteTable
from drafterd.domain.view import View
from drafterd.layout import Layout
from drafterd.metrics import Metrics
from drafterd.protections import Protections
from drafterd.reconcile.control import Control
from drafterd.reconcile.gate import Gate
from drafterd.reconcile.logs import Logs
from drafterd.reconcile.queue import WorkQueue
from drafterd.web.access import Access
from drafterd.web.api import api_app
from drafterd.web.edge import edge_app
from drafterd.web.listen import Listener
from drafterd.web.places import EdgeSettings
from tests.builders import a_view

ORIGIN = "http://localhost:8080"


class Folder:
    """The watched folder, answered from the views."""

    problem: Problem | None = None

    def __init__(self, doors: "Doors") -> None:
        self.doors = doors

    def observe(self, draft: DraftId) -> Source:
        return self.doors.views[draft].source

    def rejected(self) -> Mapping[str, Problem]:
        return self.doors.rejects

    async def scan(self) -> None:
        self.doors.scans += 1


class Doors:
    """What the control asks of the rest of the house, answered from the views."""

    problem: Problem | None = None
    confirmed = RouteTable()

    def __init__(self, views: dict[DraftId, View], state: Path) -> None:
        self.views = views
        self.state = state
        self.rejects: dict[str, Problem] = {}
        self.scans = 0
        self.up = True
        self.intents: list[Any] = []
        self.undoes = Undone()
        self.secrets: dict[str, str] = {}

    def mask(self, _instance: str) -> Mask:
        return Mask(self.secrets)

    # Fixes
    def record(self, draft: DraftId) -> FixRecord | None:
        return self.views[draft].fix

    async def undo(self, draft: DraftId) -> Undone:
        done, self.undoes = self.undoes, Undone()
        return done

    # Builds
    def builds(self, draft: DraftId) -> tuple[Build, ...]:
        return self.views[draft].builds

    def queue(self) -> tuple[Build, ...]:
        return tuple(build for view in self.views.values() for build in view.builds if build.status.active)

    def held_back(self, _draft: DraftId) -> str:
        return "waits for a free build slot"

    def watched(self, _draft: DraftId) -> AbstractContextManager[None]:
        return nullcontext()

    async def enqueue(self, draft: DraftId, key: str, *, clean: bool = False) -> Build:
        number = 1 + max((build.number for build in self.views[draft].builds), default=0)
        build = Build(draft=draft, number=number, key=key, status=BuildStatus.QUEUED, created=time.time(), clean=clean)
        self.views[draft] = dataclasses.replace(self.views[draft], builds=(build, *self.views[draft].builds))
        return build

    async def cancel(self, draft: DraftId, *, problem: Problem | None = None) -> None:
        view = self.views[draft]
        ended = tuple(
            dataclasses.replace(build, status=BuildStatus.CANCELLED) if build.status.active else build
            for build in view.builds
        )
        self.views[draft] = dataclasses.replace(view, builds=ended)

    def log_path(self, draft: DraftId, number: int = 0) -> Path:
        return self.state / f"{draft}-{number}.log"

    # Runtime and proxy
    async def observe(self) -> Mapping[Any, Any]:
        return {}

    async def alive(self) -> bool:
        return self.up

    # Ledger
    def set_intent(self, draft: DraftId, intent: Any) -> None:
        self.intents.append((draft, intent))
        self.views[draft] = dataclasses.replace(self.views[draft], intent=intent)

    def record_event(self, *_: Any) -> None:
        pass


@dataclasses.dataclass
class World:
    control: Control
    doors: Doors
    views: dict[DraftId, View]
    access: Access
    gate: Gate
    api: str
    edge: str
    socket: Path
    state: Path
    http: aiohttp.ClientSession

    @property
    def token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.state / 'token').read_text().strip()}"}

    def put(self, name: str, **changes: Any) -> DraftId:
        """A draft, made from `a_view`."""
        draft = DraftId(name)
        builds = tuple(dataclasses.replace(build, draft=draft) for build in changes.pop("builds", ()))
        self.views[draft] = dataclasses.replace(a_view(), draft=draft, builds=builds, **changes)
        self.control.changed(draft)
        return draft

    def drop(self, name: str) -> None:
        del self.views[DraftId(name)]
        self.control.changed(DraftId(name))


@asynccontextmanager
async def a_world(
    state: Path,
    *,
    kind: AddressKind = AddressKind.PATH,
    details: Literal["local", "all", "off"] = "local",
    overrides: Mapping[str, AddressKind] | None = None,
    origin: str = ORIGIN,
) -> AsyncIterator[World]:
    """Both servers on free ports of the loopback, and the unix socket."""
    views: dict[DraftId, View] = {}
    doors = Doors(views, state)
    addressing = Addressing(
        public_url=origin, path_prefix="/api/draft", host_suffix="localhost", kind=kind, overrides=overrides or {}
    )
    control = _control(state, views, doors, addressing)
    gate = Gate(
        Protections(state / "access"),
        addressing=addressing,
        reached=lambda draft: views[draft].confirmed if draft in views else None,
        on_change=control.changed,
    )
    access = Access(state / "token", ("127.0.0.1", "localhost"))
    settings = EdgeSettings(
        path_prefix="/api/draft",
        host_suffix="localhost",
        public_origin=origin,
        details=details,
        token_ok=access.accepts,
        source=lambda draft: state / "drafts-in" / draft,
    )
    socket = state / "d.sock"
    api = Listener(
        api_app(control=control, gate=gate, access=access, version="1.2.3"),
        host="127.0.0.1",
        port=0,
        unix_socket=socket,
    )
    edge = Listener(edge_app(control=control, gate=gate, settings=settings), host="127.0.0.1", port=0)
    jar = aiohttp.DummyCookieJar()
    async with api, edge, aiohttp.ClientSession(cookie_jar=jar) as http:
        assert api.address
        assert edge.address
        yield World(
            control=control,
            doors=doors,
            views=views,
            access=access,
            gate=gate,
            api=f"http://127.0.0.1:{api.address[1]}",
            edge=f"http://127.0.0.1:{edge.address[1]}",
            socket=socket,
            state=state,
            http=http,
        )


def _control(state: Path, views: dict[DraftId, View], doors: Doors, addressing: Addressing) -> Control:
    layout = Layout(drafts=state / "drafts-in", state=state, run=state, logs=state)
    door = cast("Any", doors)
    control = Control(
        version="1.2.3",
        layout=layout,
        views=views,
        queue=WorkQueue(),
        drafts=cast("Any", Folder(doors)),
        fixes=door,
        builds=door,
        runtime=door,
        proxy=door,
        publisher=cast("Any", SimpleNamespace(problem=None, confirmed=RouteTable())),
        ledger=door,
        addressing=addressing,
        rules=Rules(),
        metrics=Metrics(),
        logs=Logs(tail=reading.tail, last=reading.last, follow=reading.follow, around_error=reading.around_error),
        home_port=lambda _: 3001,
        ports_free=lambda: 998,
        sandbox="none",
        restarting=set(),
        usage=dict,
    )
    control.ready = True
    return control
