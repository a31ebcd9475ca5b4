"""The package.json that a folder of pages without one would need: proposed, never written.

Versions and names would be invented by us, and that is the author's to do.
"""

import json

from drafterd.fix.folder import Folder

_DEPENDENCIES = {"next": "^16.0.0", "react": "^19.0.0", "react-dom": "^19.0.0"}
_TYPES = {"typescript": "^5.9.0", "@types/node": "^24.0.0", "@types/react": "^19.0.0"}


def proposal(folder: Folder) -> str:
    """One sentence with the text that would do, but for what else the code imports."""
    wanted: dict[str, object] = {
        "private": True,
        "scripts": {"dev": "next dev", "build": "next build", "start": "next start"},
        "dependencies": _DEPENDENCIES,
    }
    if any(name.endswith((".ts", ".tsx")) for name in folder.names()):
        wanted["devDependencies"] = _TYPES
    return f"Add a package.json that reads {json.dumps(wanted)}, with whatever else the code imports."
