"""Launch specifications on disk: what the launcher reads, and what a restarted daemon knows instances by."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import structlog

from drafterd import files
from drafterd.domain.errors import BadName
from drafterd.domain.interfaces import Wrapped
from drafterd.domain.masking import Mask, secrets
from drafterd.domain.model import Address, InstanceSpec, Limits
from drafterd.domain.names import DraftId, InstanceId, ReleaseId, parse_instance_id
from drafterd.domain.steering import steers
from drafterd.layout import Layout
from drafterd.sandbox.groups import kills

_log = structlog.get_logger(__name__)

_LARGEST = 4_000_000
_PRELOAD = Path(__file__).with_name("preload.cjs")
_NODE = ("node", "npm")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSpec:
    """What the runtime needs of a specification while the instance runs.

    Attributes:
        user: Who alone it runs as, or None.
        groups: The control groups that it is in.
        killed: How many processes the kernel had killed there before we looked after it.
        mask: Takes the values of its variables out of what it prints.
    """

    id: InstanceId
    draft: DraftId
    release: ReleaseId
    address: Address
    probe_path: str
    limits: Limits = field(default_factory=Limits)
    user: int | None = None
    groups: tuple[str, ...] = ()
    killed: int = field(default=0, compare=False)
    mask: Mask = field(default_factory=lambda: Mask({}), compare=False, repr=False)


def preload_path() -> Path:
    """The module that every Node server of a draft loads first: it puts the draft's prefix into redirects."""
    return _PRELOAD


def known(spec: InstanceSpec, wrapped: Wrapped) -> KnownSpec:
    """The part of `spec`, and of how it is started, that is kept in memory."""
    return KnownSpec(
        id=spec.id,
        draft=spec.draft,
        release=spec.release,
        address=spec.address,
        probe_path=spec.probe_path,
        limits=spec.limits,
        user=wrapped.user,
        groups=wrapped.groups,
        killed=kills(wrapped.groups),
        mask=Mask(secrets(spec.environment)),
    )


def encode(spec: InstanceSpec, wrapped: Wrapped, state: Path) -> bytes:
    """The file's content: `wrapped` is how it starts inside the sandbox's walls, `state` the mark's second half."""
    content = asdict(spec) | {
        "argv": list(wrapped.argv),
        "environment": _environment(spec),
        "state": str(state),
        "walls": wrapped.argv != spec.argv,
        "user": wrapped.user,
        "groups": list(wrapped.groups),
    }
    return json.dumps(content, sort_keys=True).encode()


def write_spec(layout: Layout, instance: InstanceId, data: bytes) -> None:
    """Put the specification on disk, readable by nobody else but the user that runs drafts, where that is another."""
    file = layout.spec(instance)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    files.write_atomic(file, data, mode=0o600 if files.shared_with(file.parent) is None else 0o640)


def specs_on_disk(layout: Layout) -> dict[InstanceId, KnownSpec]:
    """Every readable specification; one that is not is reported and left out."""
    found: dict[InstanceId, KnownSpec] = {}
    for file in sorted((layout.state / "instances").glob("*.json")):
        try:
            spec = _decode(file.stem, files.read_regular(file, limit=_LARGEST))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, BadName) as error:
            _log.warning("spec.unreadable", instance=file.stem, reason=str(error))
            continue
        found[spec.id] = spec
    return found


def _decode(name: str, data: bytes) -> KnownSpec:
    draft, release = parse_instance_id(name)
    content = json.loads(data)
    address = Address(str(content["address"]["host"]), int(content["address"]["port"]))
    environment = {str(key): str(value) for key, value in content["environment"].items()}
    groups = tuple(str(folder) for folder in content.get("groups", ()))
    return KnownSpec(
        id=InstanceId(name),
        draft=draft,
        release=release,
        address=address,
        probe_path=str(content["probe_path"]),
        limits=Limits(**{name: _number(found) for name, found in content.get("limits", {}).items()}),
        user=_number(content.get("user")),
        groups=groups,
        killed=kills(groups),
        mask=Mask(secrets(environment)),
    )


def _number(found: object) -> int | None:
    return None if found is None else int(str(found))


def _environment(spec: InstanceSpec) -> dict[str, str]:
    """The program's environment. What would steer the programs that make its walls, or npm, is dropped."""
    environment = {name: value for name, value in spec.environment.items() if not steers(name)}
    if spec.argv and Path(spec.argv[0]).name in _NODE:
        environment["NODE_OPTIONS"] = f"--require {_quoted(str(_PRELOAD))}"
    return environment


def _quoted(path: str) -> str:
    """A path as NODE_OPTIONS wants it: in double quotes, which a backslash escapes."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
