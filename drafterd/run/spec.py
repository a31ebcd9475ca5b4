"""Launch specifications on disk: what the launcher reads, and what a restarted daemon knows instances by."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import structlog

from drafterd import files
from drafterd.domain.errors import BadName
from drafterd.domain.masking import Mask, secrets
from drafterd.domain.model import Address, InstanceSpec, Limits
from drafterd.domain.names import DraftId, InstanceId, ReleaseId, parse_instance_id
from drafterd.layout import Layout

_log = structlog.get_logger(__name__)

_LARGEST = 4_000_000
_PRELOAD = Path(__file__).with_name("preload.cjs")
_NODE = ("node", "npm")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSpec:
    """What the runtime needs of a specification while the instance runs.

    Attributes:
        mask: Takes the values of its variables out of what it prints.
    """

    id: InstanceId
    draft: DraftId
    release: ReleaseId
    address: Address
    probe_path: str
    limits: Limits = field(default_factory=Limits)
    mask: Mask = field(default_factory=lambda: Mask({}), compare=False, repr=False)


def preload_path() -> Path:
    """The module that every Node server of a draft loads first: it puts the draft's prefix into redirects."""
    return _PRELOAD


def known(spec: InstanceSpec) -> KnownSpec:
    """The part of `spec` that is kept in memory."""
    return KnownSpec(
        id=spec.id,
        draft=spec.draft,
        release=spec.release,
        address=spec.address,
        probe_path=spec.probe_path,
        limits=spec.limits,
        mask=Mask(secrets(spec.environment)),
    )


def encode(spec: InstanceSpec, argv: Sequence[str], state: Path) -> bytes:
    """The file's content: `argv` is the command inside the sandbox's walls, `state` the mark's second half."""
    content = asdict(spec) | {
        "argv": list(argv),
        "environment": _environment(spec),
        "state": str(state),
        "walls": list(argv) != list(spec.argv),
    }
    return json.dumps(content, sort_keys=True).encode()


def write_spec(layout: Layout, instance: InstanceId, data: bytes) -> None:
    """Put the specification on disk, readable by nobody else."""
    file = layout.spec(instance)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    files.write_atomic(file, data, mode=0o600)


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
    return KnownSpec(
        id=InstanceId(name),
        draft=draft,
        release=release,
        address=address,
        probe_path=str(content["probe_path"]),
        limits=Limits(**{name: _number(found) for name, found in content.get("limits", {}).items()}),
        mask=Mask(secrets(environment)),
    )


def _number(found: object) -> int | None:
    return None if found is None else int(str(found))


def _environment(spec: InstanceSpec) -> dict[str, str]:
    """The program's environment. A draft's own NODE_OPTIONS could load code into npm: it is dropped."""
    environment = {name: value for name, value in spec.environment.items() if name != "NODE_OPTIONS"}
    if spec.argv and Path(spec.argv[0]).name in _NODE:
        environment["NODE_OPTIONS"] = f"--require {_quoted(str(_PRELOAD))}"
    return environment


def _quoted(path: str) -> str:
    """A path as NODE_OPTIONS wants it: in double quotes, which a backslash escapes."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
