"""The composition root: reads the configuration, picks the adapters, runs them together.

The only package that names adapters; everything else sees interfaces.
"""

from drafterd.daemon.lifetime import Started, serve
from drafterd.daemon.offline import FixPreview, fix_folder, undo_folder

__all__ = ["FixPreview", "Started", "fix_folder", "serve", "undo_folder"]
