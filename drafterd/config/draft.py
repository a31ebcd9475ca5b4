"""The keys of single drafts, and what holds for those that are not named."""

from pydantic import Field, StrictBool

from drafterd.config import values
from drafterd.config.section import Section
from drafterd.domain.model import AddressKind


class DraftDefaults(Section):
    """What holds for every draft that `drafts_config` says nothing else of."""

    ttl: values.Duration = 0.0
    """How long a draft lives after its last build; then all but its source is removed. 0: for ever."""


class AccessConfig(Section):
    """Who may visit a draft: those who know its password, and those who were given a link."""

    password_file: values.FilePath | None = None
    """A file (0600) whose first line is the password."""
    password_hash: values.PasswordHash | None = None
    """Or the password's hash, as `drafterd config hash` prints it; with neither, only links let in."""


class DraftConfig(Section):
    """What differs for one draft."""

    access: AccessConfig | None = None
    """Protects it from the first moment on; default: `drafterd protect` decides."""
    noindex: StrictBool | None = None
    """Whether search engines are told to keep away from it; default: as for all."""

    address: AddressKind | None = None
    """Its primary address; default: as for all."""
    memory_max: values.Size | None = None
    """What its running processes may take; default: `run.memory_max`."""
    ttl: values.Duration | None = None
    """How long it lives after its last build; default: `draft.ttl`. 0: for ever."""
    env: dict[values.VariableName, values.Template] = Field(default_factory=dict)
    """Variables beside or instead of those for all; null takes one out."""
