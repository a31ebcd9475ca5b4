"""`publish`: the files of a static draft to a folder or a bucket, without a daemon."""

from typing import Annotated

import typer

from drafterd.cli import output
from drafterd.cli.asking import ConfigFile, Draft, Json
from drafterd.cli.config import loaded

To = Annotated[str, typer.Option("--to", metavar="DIR|s3://BUCKET/PREFIX", help="Where to.", show_default=False)]
Endpoint = Annotated[
    str | None, typer.Option(metavar="URL", help="Of a bucket that is not Amazon's.", show_default=False)
]
AsIs = Annotated[bool, typer.Option("--as-is", help="Also where it will lie at another path than it was built for.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be copied and deleted, change nothing.")]


def publish(
    draft: Draft,
    *,
    to: To,
    endpoint: Endpoint = None,
    as_is: AsIs = False,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Copy the files of a static draft to a folder or a bucket, for a CDN; what is gone is deleted there."""
    from drafterd import daemon  # late: its modules take a second that other commands need not wait

    done = daemon.publish(draft, to, loaded(config), endpoint=endpoint, as_is=as_is, dry=dry_run)
    outcome = done.outcome
    if as_json:
        output.write_json(
            {
                "release": done.release,
                "written": outcome.written,
                "same": outcome.same,
                "deleted": outcome.deleted,
                "left_out": list(done.left_out),
                "fallback": done.fallback,
            }
        )
    elif dry_run:
        for word, names in (("copy", outcome.written), ("delete", outcome.deleted)):
            for name in names:
                output.write(f"{word} {output.clean(name)}")
    counts = f"{len(outcome.written)} copied, {outcome.same} as they were, {len(outcome.deleted)} deleted"
    output.say(f"{draft} {done.release}: {counts}{' (not done: --dry-run)' if dry_run else ''}")
    if done.left_out:
        output.say(f"left out, as drafterd does not serve them either: {output.clean(', '.join(done.left_out[:5]))}")
    if done.fallback:
        output.say(f"unknown paths are the app's own: have {done.fallback} answered for them, with status 200")
    if done.protected:
        output.say(f"{draft} is protected here; what is published is open to everybody")
