"""Puts the firewall around running drafts, where the configuration asks for it and the machine has it."""

from collections.abc import Callable, Iterator

from drafterd.build import environment
from drafterd.config import Config
from drafterd.domain.errors import ConfigError
from drafterd.domain.interfaces import Sandbox, Wrapped
from drafterd.domain.model import Address, InstanceSpec
from drafterd.layout import Layout
from drafterd.run import elsewhere
from drafterd.run.spec import specs_on_disk
from drafterd.sandbox.bubblewrap import SHARED
from drafterd.sandbox.firewall import MEANING, Firewall, Guest, nft

_NOBODYS = "drafts do not run as users of their own, as they do where drafterd is root and has a sandbox"


def firewall(config: Config, sandbox: Sandbox) -> tuple[Firewall | None, str]:
    """The firewall that is asked for, or None; and what is to be said of the network of running drafts.

    Raises:
        ConfigError: It is asked for and cannot be had.
    """
    if config.run.network == "shared":
        return None, SHARED
    try:
        return _made(config, sandbox), MEANING
    except ConfigError as error:
        if config.run.network == "auto":
            return None, f"{SHARED}: {error.summary}"
        raise


def _made(config: Config, sandbox: Sandbox) -> Firewall:
    if not sandbox.apart:
        raise ConfigError(_NOBODYS, hint="run drafterd as root, or set `run.network` to `auto` or `shared`")
    try:
        program = nft()
    except ConfigError as error:
        raise ConfigError(error.summary, hint="make it work, or set `run.network` to `auto` or `shared`") from error
    layout = config.layout()
    return Firewall(
        layout.state,
        program,
        allowed=_allowed(config),
        local=frozenset({config.proxy.listen.port}),
        guests=lambda: _guests(layout),
    )


def _allowed(config: Config) -> tuple[Address, ...]:
    """Of the databases the operator's own alone, as for builds."""
    if config.run.allow is not None:
        return config.run.allow
    values, _ = config.variables()
    return environment.places_of([values["DATABASE_URL"]] if "DATABASE_URL" in values else [])


def _guests(layout: Layout) -> Iterator[Guest]:
    for spec in specs_on_disk(layout).values():
        found = elsewhere.remembered(layout.found_address(spec.id))
        if spec.user is not None:
            yield Guest(spec.user, frozenset({spec.address.port, *([found.port] if found else [])}))


def admitting(wrap: Callable[[InstanceSpec], Wrapped], wall: Firewall | None) -> Callable[[InstanceSpec], Wrapped]:
    """The same, but that the firewall knows of an instance before it runs."""
    if wall is None:
        return wrap

    def wrapped(spec: InstanceSpec) -> Wrapped:
        made = wrap(spec)
        if made.user is not None:
            wall.admit(Guest(made.user, frozenset({spec.address.port})))
        return made

    return wrapped
