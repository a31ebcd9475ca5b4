"""Hands the files of a stopped draft over: `python -I -S loosen.py FOLDER`, run as the user that ran the draft.

Where that is another user than the daemon, the daemon could not delete what the draft has locked. It imports nothing
but the standard library, as the launcher does, by which it is started.
"""

import os
import stat
import sys


def main(arguments: list[str]) -> int:
    """Give the group all rights of every folder below that is ours: who may write there may delete all in it."""
    (top,) = arguments
    os.chdir(top)
    # By its folders' names: no path is too long, and no number of open files too small, for any depth.
    levels = [_loosened()]
    while levels:
        if not levels[-1]:
            levels.pop()
            if levels:
                os.chdir("..")
            continue
        try:
            os.chdir(levels[-1].pop())
        except OSError:
            continue  # the daemon's own, and closed to us: it needs no help there
        levels.append(_loosened())
    return 0


def _loosened() -> list[str]:
    """The folders in this one, with the rights given."""
    inner: list[str] = []
    try:
        names = os.listdir(".")  # noqa: PTH208 - as above
    except OSError:
        return inner
    for name in names:
        status = os.lstat(name)
        if not stat.S_ISDIR(status.st_mode):
            continue
        inner.append(name)
        if status.st_uid == os.geteuid():
            rights = stat.S_IMODE(status.st_mode) | stat.S_IRWXU | stat.S_IRWXG
            os.chmod(name, rights)  # noqa: PTH101 - as above; the group is the daemon's alone
    return inner


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
