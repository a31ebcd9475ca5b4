"""Commands that look: `ls`, `show`, `routes`, `queue`, `fixes`."""

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from drafterd.cli import output
from drafterd.cli.asking import Draft, Json, asking
from drafterd.cli.client import Client, draft_path
from drafterd.cli.failures import CommandFailed
from drafterd.domain.state import State

WATCH_EVERY = 1.0
_PAGE = 1000

State_ = Annotated[State | None, typer.Option("--state", help="Only drafts in this state.", show_default=False)]
Undo = Annotated[
    bool, typer.Option("--undo", help="Put the author's files back; from then on the fixes go into the builds only.")
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on showing changes until Ctrl-C.")]


@asking
def ls(client: Client, state: State_ = None, watch: Watch = False, as_json: Json = False) -> None:
    """List the drafts: what each is doing, and where it is."""
    if watch:
        _watch(client, state, as_json=as_json)
        return
    drafts = list(_drafts(client, state))
    if as_json:
        output.write_json({"items": drafts, "next": None})
        return
    empty = "no draft is in that state" if state else "there are no drafts: drop a folder into the drafts folder"
    output.write_table(_HEAD, map(_row, drafts), empty=empty)
    _say_rejected(client)


def _drafts(client: Client, state: State | None) -> Iterator[dict[str, Any]]:
    """Every draft, page after page."""
    query: dict[str, object] = {"limit": _PAGE} | ({"state": state.value} if state else {})
    while True:
        page = client.get("/api/v1/drafts", query)
        yield from page["items"]
        if page["next"] is None:
            return
        query["cursor"] = page["next"]


_HEAD = ("DRAFT", "STATE", "ADDRESS", "")


def _row(draft: Mapping[str, Any]) -> tuple[str | Text, ...]:
    return draft["id"], output.styled(draft["state"]), draft["url"], remark(draft)


def remark(draft: Mapping[str, Any]) -> str:
    """What else is to be said of a draft: its build, its problem."""
    words: list[str] = []
    build = draft["build"]
    if draft["work"] == "building" and build:
        words.append(f"building: {build['step']}, {output.duration(build['seconds'])}".replace(": ,", ":"))
    elif draft["work"] not in {"none", draft["state"]}:
        words.append(draft["work"])
    if draft["serving"] and draft["repairs"]:
        words.append(f"live with {output.repaired(len(draft['repairs']))}")
    if draft["problem"]:
        words.append(output.clean(draft["problem"]["summary"]))
    return "; ".join(words)


def _say_rejected(client: Client) -> None:
    """Folders that cannot be taken are no drafts, but must not go unseen."""
    for folder in client.get("/api/v1/status")["rejected"]:
        output.say(f"{output.clean(folder['name'])}: {'; '.join(output.problem_lines(folder['problem'])[:1])}")


def _watch(client: Client, state: State | None, *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        _watch_lines(client, state, as_json=as_json)
        return
    with Live(console=output.stdout(), auto_refresh=False) as live:
        while True:
            live.update(_watched(list(_drafts(client, state))), refresh=True)
            time.sleep(WATCH_EVERY)


def _watched(drafts: list[dict[str, Any]]) -> Table | Text:
    return output.table(_HEAD, map(_row, drafts)) if drafts else Text("no drafts")


def _watch_lines(client: Client, state: State | None, *, as_json: bool) -> None:
    """One line for each draft that changed."""
    before: dict[str, Any] = {}
    while True:
        now = {draft["id"]: draft for draft in _drafts(client, state)}
        for name, draft in now.items():
            if as_json and _lasting(draft) != _lasting(before.get(name, {})):
                output.write_json(draft, line=True)
            elif not as_json and _told(draft) != _told(before.get(name)):
                output.write(_told(draft))
        if not as_json:
            for name in before.keys() - now.keys():
                output.write(f"{name}  gone")
        before = now
        time.sleep(WATCH_EVERY)


def _lasting(draft: Mapping[str, Any]) -> dict[str, Any]:
    """A draft without what changes by itself all the time."""
    build, instance = draft.get("build") or {}, draft.get("instance") or {}
    return {
        **draft,
        "build": {**build, "seconds": None},
        "instance": {**instance, "rss_bytes": None, "cpu_percent": None},
    }


def _told(draft: Mapping[str, Any] | None) -> str:
    if draft is None:
        return ""
    step = draft["build"]["step"] if draft["work"] == "building" and draft["build"] else draft["work"]
    doing = "" if step in {"none", draft["state"]} else f" ({step})"
    problem = f"  {output.clean(draft['problem']['summary'])}" if draft["problem"] else ""
    return f"{draft['id']}  {draft['state']}{doing}  {draft['url']}{problem}"


@asking
def show(client: Client, draft: Draft, as_json: Json = False) -> None:
    """Show one draft: address, build, repairs, process, problem."""
    found = client.get(draft_path(draft))
    if as_json:
        output.write_json(found)
        return
    console = output.stdout()
    console.print(Text.assemble((found["id"], "bold"), "  ", output.styled(found["state"])))
    for name, value in _facts(found):
        console.print(f"  {name:<9} {value}")
    if found["problem"]:
        console.print()
        for line in output.problem_lines(found["problem"]):
            console.print(f"  {line}")


def _facts(draft: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "address", draft["url"]
    yield from (("", f"{url} (redirects)") for url in draft["urls"][1:])
    if draft["protected"]:
        yield "access", "protected: only with its password or a link"
    yield from _release_facts(draft)
    if draft["work"] not in {"none", draft["state"]}:
        yield "work", draft["work"]
    if build := draft["build"]:
        steps = ", ".join(f"{step} {output.duration(seconds)}" for step, seconds in build["steps"].items())
        took = f", {output.duration(build['seconds'])}" if build["seconds"] is not None else ""
        yield "build", f"{build['number']} {build['status']}{took}{f' ({steps})' if steps else ''}"
        for repair in build["repairs"]:
            yield "repair", output.repair_line(repair)
        yield from _served_repairs(draft, build)
    if draft["edits"]:
        yield "edits", f"{draft['edits']} in its files (drafterd fixes {draft['id']})"
    if instance := draft["instance"]:
        memory = f", {output.size(instance['rss_bytes'])}" if instance["rss_bytes"] else ""
        yield "process", f"pid {instance['pid']}{memory}, {instance['restarts']} restarts"
    if draft["port"]:
        yield "port", str(draft["port"])
    if draft["source"]["digest"]:
        yield "source", draft["source"]["digest"]


def _release_facts(draft: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if draft["serving"]:
        others = [_kept(each) for each in draft["kept"] if each["id"] != draft["serving"]]
        yield "serves", draft["serving"] + (f" (kept: {', '.join(others)})" if others else "")
    if draft["pinned"]:
        yield "pinned", f"{draft['pinned']}, until the source changes or drafterd rollback {draft['id']} --unpin"
    if draft["expires_at"]:
        yield "expires", draft["expires_at"]


def _kept(release: Mapping[str, Any]) -> str:
    """A release that could be gone back to, or why not."""
    return f"{release['id']}, bad" if release["state"] == "bad" else str(release["id"])


def _served_repairs(draft: Mapping[str, Any], newest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The repairs of what it serves, where that is older than its newest build."""
    if draft["serving"] and draft["repairs"] and draft["serving"] != f"r{newest['number']}":
        for repair in draft["repairs"]:
            yield draft["serving"], output.repair_line(repair)


@asking
def routes(client: Client, as_json: Json = False) -> None:
    """Show what the proxy was told and has confirmed."""
    table = client.get("/api/v1/routes")
    if as_json:
        output.write_json(table)
        return
    rows = [
        (item["draft"], item["address"] or "files, by drafterd", item["kind"], item["base_path"], item["strip"])
        for item in table["items"]
    ]
    output.write_table(("DRAFT", "GOES TO", "KIND", "BASE PATH", "STRIPPED"), rows, empty="there are no routes")


@asking
def queue(client: Client, as_json: Json = False) -> None:
    """Show what is being built, who waits, and why."""
    found = client.get("/api/v1/queue")
    if as_json:
        output.write_json(found)
        return
    rows = [
        (
            item["draft"],
            str(item["number"]),
            str(item["position"] or ""),
            item["step"],
            item["since"] or "",
            item["why"],
        )
        for item in found["items"]
    ]
    output.write_table(("DRAFT", "BUILD", "PLACE", "STEP", "SINCE", ""), rows, empty="nothing is built, nothing waits")


@asking
def fixes(client: Client, draft: Draft, undo: Undo = False, as_json: Json = False) -> None:
    """Show what was changed in a draft's files, and what was found and left alone."""
    if undo:
        tell_undone(client.ask("POST", draft_path(draft, "fixes/undo")), as_json=as_json)
        return
    found = client.get(draft_path(draft, "fixes"))
    if as_json:
        output.write_json(found)
        return
    if found["kind"]:
        made_with = f" ({found['framework']}, {found['manager']})" if found["framework"] else ""
        output.say(f"{draft} is {found['kind']}{made_with}: {output.clean(found['why'])}")
    for edit in found["edits"]:
        for line in edit_lines(edit):
            output.write(line)
    for problem in [*found["problems"], *([found["problem"]] if found["problem"] else [])]:
        for line in output.problem_lines(problem):
            output.write(line)


def tell_undone(done: Mapping[str, Any], *, as_json: bool) -> None:
    """What came of taking the fixes back; a file that was left alone makes the command fail."""
    if as_json:
        output.write_json(done)
    else:
        for name in done["restored"]:
            output.write(f"{output.clean(name)}: as its author had it")
        for name, reason in done["left"].items():
            output.say(f"{output.clean(name)} was left alone: {output.clean(reason)}")
        if not done["restored"] and not done["left"]:
            output.say("there is nothing to take back")
    if done["left"]:
        raise CommandFailed(f"{len(done['left'])} files were left alone", hint="change them by hand")


def edit_lines(edit: Mapping[str, Any]) -> list[str]:
    """One change for people."""
    lines = [f"{output.clean(edit['file'])}: {output.clean(edit['reason'])} [{edit['rule']}]"]
    for sign, text in (("-", edit["before"]), ("+", edit["after"])):
        lines += [f"  {sign} {output.clean(line)}" for line in text.splitlines()]
    return lines
