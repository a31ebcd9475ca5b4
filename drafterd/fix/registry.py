"""The fixes, in their order: each sees what those before it propose."""

from collections.abc import Callable, Iterator

from drafterd.domain.model import Problem
from drafterd.fix import env_files, env_literals, listen_ports, next_config, package_json
from drafterd.fix.folder import Folder
from drafterd.fix.settings import Context

FIX_VERSION = 4
"""Counts the sets of fixes: a record of another one is made anew."""

Fix = Callable[[Folder, Context], Iterator[Problem]]
"""Puts its changes into the folder's proposal and yields what it leaves alone."""

FIXES: tuple[Fix, ...] = (package_json.fix, next_config.fix, listen_ports.fix, env_literals.fix, env_files.fix)
"""The literals come before the env files, which keep the values that are found in the source."""
