"""What the tests of all sandboxes share."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that other users may pass through, as a state folder is: pytest's own is closed to them."""
    made = Path(tempfile.mkdtemp(prefix="drafterd-"))
    made.chmod(0o755)
    mask = os.umask(0o022)  # a sandbox may set another
    yield made
    os.umask(mask)
    shutil.rmtree(made)
