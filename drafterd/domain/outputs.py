"""What a build puts into pages and folders, as far as it is known before the build."""

from drafterd.domain.model import Recipe

PUBLIC_PREFIXES = (
    "NEXT_PUBLIC_",
    "VITE_",
    "PUBLIC_",
    "NUXT_PUBLIC_",
    "REACT_APP_",
    "VUE_APP_",
    "GATSBY_",
    "EXPO_PUBLIC_",
)
"""How names of variables begin whose values tools write into what every visitor gets: they are no secrets."""

_FOLDERS = frozenset({"dist", "out", "build"})


def is_public(name: str) -> bool:
    """Whether the value of a variable ends in pages, and is part of what was built."""
    return name.startswith(PUBLIC_PREFIXES)


def made_folders(recipe: Recipe | None) -> frozenset[str]:
    """Folders at the top of a source that its build makes: what lies there was built by hand, and is no source.

    Only names that nobody gives to a folder of sources that such a build would read.
    """
    if recipe is None or not recipe.build or recipe.start:
        return frozenset()
    return _FOLDERS & {recipe.static_root.partition("/")[0]}
