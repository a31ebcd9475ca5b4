"""Variables that would steer a tool of ours that is started with a draft's environment: a draft may not set them."""

_NAMES = frozenset(
    {
        # What glibc itself keeps from programs with rights that their caller lacks: loads code, reads other files.
        "GCONV_PATH",
        "GETCONF_DIR",
        "GLIBC_TUNABLES",
        "HOSTALIASES",
        "LOCALDOMAIN",
        "LOCPATH",
        "NIS_PATH",
        "NLSPATH",
        "RESOLV_HOST_CONF",
        "RES_OPTIONS",
        "TMPDIR",
        "TZDIR",
        # Shells, and what reads options before its arguments.
        "BASHOPTS",
        "BASH_ENV",
        "CDPATH",
        "ENV",
        "GLOBIGNORE",
        "IFS",
        "POSIXLY_CORRECT",
        "PS4",
        "SHELLOPTS",
        # Node and what it is linked with.
        "NODE_ICU_DATA",
        "NODE_OPTIONS",
        "NODE_PATH",
        "NODE_REDIRECT_WARNINGS",
        "NODE_REPL_EXTERNAL_MODULE",
        "NODE_V8_COVERAGE",
        "OPENSSL_CONF",
        "OPENSSL_ENGINES",
        "OPENSSL_MODULES",
    }
)
_PREFIXES = ("DYLD_", "LD_", "MALLOC_")


def steers(name: str) -> bool:
    """Whether a variable of this name is one of those, however it is spelt."""
    upper = name.upper()
    return upper in _NAMES or upper.startswith(_PREFIXES)
