"""From a draft's view to what people are told of it: no look-ups, no clock."""

from drafterd.domain import state
from drafterd.domain.expiry import expires_at
from drafterd.domain.model import BuildStatus, Instance
from drafterd.domain.names import release_number
from drafterd.domain.plan import Rules
from drafterd.domain.releases import kept
from drafterd.domain.report import DraftReport
from drafterd.domain.view import View


def shown_instance(view: View) -> Instance | None:
    """The instance that people are told of: the current release's, else any."""
    return view.instance(view.current) or next(iter(view.instances), None)


def report_of(view: View, rules: Rules, urls: tuple[str, ...]) -> DraftReport:
    """What the view alone tells; ports, times and usage are added by who knows them.

    Args:
        urls: The draft's addresses, the primary one first.
    """
    serving = state.serving(view)
    release = view.release(serving)
    static = release if release and release.static else None
    made = next((build for build in view.builds if serving and build.number == release_number(serving)), None)
    succeeded = next((build for build in view.builds if build.status is BuildStatus.SUCCEEDED), None)
    return DraftReport(
        id=view.draft,
        state=state.derive(view, rules),
        serving=serving,
        work=state.work(view, rules),
        problem=state.problem(view, rules),
        url=urls[0],
        urls=urls,
        port=None,
        digest=view.fix.digest if view.fix else "",
        settled_at=None,
        build=next(iter(view.builds), None),
        instance=shown_instance(view),
        kept=kept(view),
        pinned=view.intent.pinned,
        target=view.target,
        static_root=static.path if static else None,
        fallback=static.fallback if static else "",
        usual_seconds=sum(succeeded.steps.values()) if succeeded else None,
        notes=view.fix.problems if view.fix else (),
        edits=view.fix.edits if view.fix else (),
        repairs=made.repairs if made else (),
        expires_at=expires_at(view, rules.ttl_of(view.draft)),
        protected=view.protected,
    )
