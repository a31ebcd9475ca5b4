"""Where everything lies on disk: the one place that joins these names.

See docs/architecture.md, "State on disk".
"""

from dataclasses import dataclass
from pathlib import Path

from drafterd.domain.names import DraftId, InstanceId, ReleaseId


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one installation, absolute.

    Attributes:
        drafts: The watched folder.
        state: Releases, ledger, routes, caches.
        run: Sockets, lock, supervisord's configuration; on a server it vanishes at a reboot.
        logs: Logs of programs and of supervisord.
        supervisor: Supervisord's unix socket where it is not our own; None: in `run`.
    """

    drafts: Path
    state: Path
    run: Path
    logs: Path
    supervisor: Path | None = None

    def source(self, draft: DraftId) -> Path:
        """The draft's own folder."""
        return self.drafts / draft

    def draft(self, draft: DraftId) -> Path:
        """All that was made of a draft."""
        return self.all_drafts / draft

    @property
    def all_drafts(self) -> Path:
        """What was made of drafts, a folder for each."""
        return self.state / "drafts"

    def current(self, draft: DraftId) -> Path:
        """The link to the release that should serve."""
        return self.draft(draft) / "current"

    def releases(self, draft: DraftId) -> Path:
        """The folder of releases."""
        return self.draft(draft) / "releases"

    def release(self, draft: DraftId, release: ReleaseId) -> Path:
        """One release: `release.json` and `app/`."""
        return self.releases(draft) / release

    def builds(self, draft: DraftId) -> Path:
        """Where builds work, and what is being deleted; swept at start."""
        return self.draft(draft) / "builds"

    def scratch(self, draft: DraftId) -> Path:
        """Where a build of the draft works, one at a time. Always the same path.

        Next.js makes the names of server actions, and webpack the keys of its cache, of absolute paths.
        """
        return self.builds(draft) / "work"

    def build_log(self, draft: DraftId, number: int) -> Path:
        """The log of one build."""
        return self.draft(draft) / "log" / f"build-{number}.log"

    def home_port(self, draft: DraftId) -> Path:
        """The file that holds the home port, so that losing the ledger changes nothing."""
        return self.draft(draft) / "port"

    def fix_record(self, draft: DraftId) -> Path:
        """What the fixes found and did."""
        return self.draft(draft) / "fixes.json"

    def originals(self, draft: DraftId) -> Path:
        """What the author's files were before the fixes changed them; secrets, 0600."""
        return self.draft(draft) / "originals"

    def next_cache(self, draft: DraftId) -> Path:
        """`.next/cache` of the draft's last good build."""
        return self.draft(draft) / "next-cache"

    def assets(self, draft: DraftId) -> Path:
        """Which files its releases were lent of those before, and until when."""
        return self.draft(draft) / "assets.json"

    def action_key(self, draft: DraftId) -> Path:
        """What its server actions are sealed with; a secret, 0600."""
        return self.draft(draft) / "action-key"

    @property
    def protections(self) -> Path:
        """Which drafts are protected, and by what; 0700."""
        return self.state / "access"

    @property
    def ledger(self) -> Path:
        """The SQLite file."""
        return self.state / "drafterd.db"

    @property
    def downloads(self) -> Path:
        """Contents of packages that npm has downloaded, each under its hash."""
        return self.state / "cache"

    @property
    def dependencies(self) -> Path:
        """What builds have installed, for those that would install the same."""
        return self.state / "dependencies"

    @property
    def managers(self) -> Path:
        """Package managers other than npm, a folder for each version that was asked for."""
        return self.state / "toolchain" / "managers"

    @property
    def toolchain(self) -> Path:
        """A folder of links: node, npm, npx."""
        return self.state / "toolchain" / "bin"

    def spec(self, instance: InstanceId) -> Path:
        """The launch specification of an instance, 0600."""
        return self.state / "instances" / f"{instance}.json"

    def found_address(self, instance: InstanceId) -> Path:
        """Where an instance was found to listen that does not use the port it was given."""
        return self.state / "instances" / f"{instance}.listens"

    def instance_log(self, instance: InstanceId) -> Path:
        """What the program prints."""
        return self.logs / f"{instance}.log"

    @property
    def traefik_routes(self) -> Path:
        """The one generated file that Traefik watches; alone in its folder."""
        return self.state / "routes" / "traefik" / "drafts.yml"

    @property
    def nginx_routes(self) -> Path:
        """The one generated file that nginx reads; alone in its folder."""
        return self.state / "routes" / "nginx" / "drafts.map"

    @property
    def nginx(self) -> Path:
        """The files of an nginx of our own."""
        return self.state / "nginx"

    @property
    def away(self) -> Path:
        """What is answered at the edge while no daemon runs."""
        return self.state / "routes" / "stand-in.json"

    @property
    def edge_owner(self) -> Path:
        """The process id of the daemon that answers at the edge."""
        return self.run / "edge.pid"

    @property
    def certificate(self) -> Path:
        """Folder of Traefik's default certificate."""
        return self.state / "routes" / "certificate"

    @property
    def lock(self) -> Path:
        """One daemon per state folder."""
        return self.run / "drafterd.lock"

    @property
    def api_socket(self) -> Path:
        """The daemon's unix socket, for the command line."""
        return self.run / "drafterd.sock"

    @property
    def supervisor_socket(self) -> Path:
        """Supervisord's unix socket."""
        return self.supervisor or self.run / "supervisor.sock"

    @property
    def programs(self) -> Path:
        """One supervisord program file per instance."""
        return self.run / "supervisor" / "conf.d"

    @property
    def token(self) -> Path:
        """The API's token, 0600."""
        return self.state / "token"
