"""What a look at a folder says, and what the looks share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from drafterd.domain.model import Problem, Recipe
from drafterd.fix import scripts
from drafterd.fix.folder import Folder
from drafterd.fix.package import Package

SERVERS: Mapping[str, str] = {
    "@nestjs/core": "NestJS",
    "express": "Express",
    "fastify": "Fastify",
    "hono": "Hono",
    "@hono/node-server": "Hono",
    "koa": "Koa",
    "@hapi/hapi": "hapi",
    "polka": "Polka",
    "restify": "restify",
    "micro": "micro",
    "h3": "h3",
    "@feathersjs/express": "Feathers",
}
"""Packages that a server is written with, and their names for people."""

PLAIN_SERVER = "Node.js"
"""What a server is called that is written with none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What a folder is.

    Attributes:
        recipe: None when `problem` keeps it from being built.
        package: Its package.json, if it could be read.
        problems: What a person should know, and keeps nothing from being built.
    """

    recipe: Recipe | None
    problem: Problem | None = None
    package: Package | None = None
    problems: tuple[Problem, ...] = field(default=())


Look = Callable[[Folder, Package], Detection | None]
"""Recognises one kind; None: it is something else."""


def unsupported(package: Package | None, what: str, *, where: str, hint: str) -> Detection:
    """Something that is known and cannot be served."""
    problem = Problem(
        code="unsupported-kind", summary=f"this is {what}, which drafterd cannot serve", where=where, hint=hint
    )
    return Detection(recipe=None, package=package, problem=problem)


def base_path_note(why: str, *, where: str) -> Problem:
    """Said of a draft that does not know the prefix of its path address."""
    return Problem(
        code="base-path",
        summary=f"below a path, pages of this draft may not find their way: {why}",
        where=where,
        hint="give it the address `host`, where it lies at the root",
    )


def own_server(package: Package) -> bool:
    """Whether `start` runs a server of the author's own by node, and no tool's."""
    start = package.scripts.get("start", "")
    file = scripts.server_file(start)
    return bool(file) and not scripts.is_dev_server(start) and not file.startswith((".next/", "node_modules/"))


def framework_server(package: Package) -> str:
    """What the author's server is written with, for people; "" for nothing with a name."""
    return next((name for dependency, name in SERVERS.items() if dependency in package.dependencies), "")
