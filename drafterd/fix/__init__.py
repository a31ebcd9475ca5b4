"""Makes a settled source fit to be built and served: what is missing is added, what is wrong is mended or said.

`registry.FIXES` lists the fixes in their order.
"""

from drafterd.fix.drafts import FolderFixes, fix_snapshot
from drafterd.fix.next_wrapper import prepare_snapshot
from drafterd.fix.pipeline import Proposal, apply, propose, unified_diff
from drafterd.fix.registry import FIX_VERSION, FIXES
from drafterd.fix.settings import FixSettings

__all__ = [
    "FIXES",
    "FIX_VERSION",
    "FixSettings",
    "FolderFixes",
    "Proposal",
    "apply",
    "fix_snapshot",
    "prepare_snapshot",
    "propose",
    "unified_diff",
]
