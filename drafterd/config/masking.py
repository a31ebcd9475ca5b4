"""Keeps secrets out of what `config show` and error messages print."""

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
_SECRET_NAME = re.compile(r"SECRET|KEY|TOKEN|PASSWORD|PASSWD|CLIENT_ID|CREDENTIAL|DSN", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*@")


def mask(name: str, value: str) -> str:
    """`value` of the variable `name`, or what of it may be shown."""
    return MASK if _SECRET_NAME.search(name) and value else _USERINFO.sub(rf"\1:{MASK}@", value)


def mask_config(shown: Mapping[str, Any]) -> dict[str, Any]:
    """A dumped configuration with the values of its `env` maps masked."""
    masked = {**shown, "env": _masked_env(shown["env"])}
    masked["drafts_config"] = {
        draft: {**special, "env": _masked_env(special["env"]), "access": _masked_access(special["access"])}
        for draft, special in shown["drafts_config"].items()
    }
    return masked


def _masked_access(access: Mapping[str, str | None] | None) -> Mapping[str, str | None] | None:
    hashed = access and access["password_hash"]
    return {**access, "password_hash": MASK} if access and hashed else access


def _masked_env(env: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: None if value is None else mask(name, value) for name, value in env.items()}
