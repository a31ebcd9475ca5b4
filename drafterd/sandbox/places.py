"""What of this installation is shown to drafts, and what is their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drafterd.domain.model import InstanceSpec
from drafterd.layout import Layout
from drafterd.toolchain import Toolchain


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the sandbox finds things.

    Attributes:
        readable: What every draft may read beside the system: tools, certificates, our module for servers.
    """

    layout: Layout
    readable: tuple[Path, ...] = ()

    @property
    def hidden(self) -> tuple[Path, ...]:
        """Folders of ours that nobody sees but for what is shown of them."""
        layout = self.layout
        return (layout.drafts, layout.state, layout.run, layout.logs)

    def release(self, spec: InstanceSpec) -> Path:
        """The folder that an instance runs from, and that is its own."""
        folder, cwd = self.layout.release(spec.draft, spec.release), Path(spec.cwd)
        if folder not in cwd.parents:
            return cwd
        return folder / cwd.relative_to(folder).parts[0]


def tools(toolchain: Toolchain) -> Iterator[Path]:
    """The files of Node and npm, and the folder of links to them.

    Not the folder that Node was installed into: that may be somebody's home.
    """
    node, npm = toolchain.node.resolve(), toolchain.npm.resolve()
    yield from (toolchain.folder, node, npm.parent.parent)
    prefix = node.parent.parent
    yield prefix / "include" / "node"
    yield from sorted(prefix.glob("lib/libnode.so*"))
