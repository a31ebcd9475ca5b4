"""Runs a command as root of a plain container does: nothing can be mounted, no namespace made, no other process traced.

As root: `(*container.words(), COMMAND, ...)`. The file system is the machine's own, seen through a `chroot`, within
which the kernel makes no user namespaces; root has the rights that containers commonly leave it.
"""

import os
import subprocess
import sys

RIGHTS = (
    "chown", "dac_override", "fsetid", "fowner", "mknod", "net_raw", "setgid", "setuid", "setfcap", "setpcap",
    "net_bind_service", "sys_chroot", "kill", "audit_write",
)  # fmt: skip
_INSIDE = "--inside"
_ROOT = "/mnt"
"""Where the machine's own files are mounted once more, in a mount namespace of our own."""


def words() -> tuple[str, ...]:
    """What stands before a command."""
    return ("/usr/bin/unshare", "--mount", "--propagation", "private", sys.executable, __file__, _INSIDE)


def main() -> None:
    """Become the command."""
    folder = os.getcwd()  # noqa: PTH109 - no Path is needed
    subprocess.run(["/usr/bin/mount", "--rbind", "/", _ROOT], check=True)
    os.chroot(_ROOT)
    os.chdir(folder)
    bounding = ",".join(["-all", *(f"+{right}" for right in RIGHTS)])
    limited = ["/usr/bin/setpriv", f"--bounding-set={bounding}", "--inh-caps=-all"]
    os.execv(limited[0], [*limited, *sys.argv[2:]])


if __name__ == "__main__":
    main()
