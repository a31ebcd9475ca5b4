"""The composition root: reads the configuration, picks the adapters, runs them together.

The only package that names adapters; everything else sees interfaces.
"""

from drafterd.daemon.lifetime import Started, serve
from drafterd.daemon.offline import FixPreview, fix_folder, undo_folder
from drafterd.daemon.publication import Published, publish

__all__ = ["FixPreview", "Published", "Started", "fix_folder", "publish", "serve", "undo_folder"]
