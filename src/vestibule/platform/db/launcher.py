"""Becomes PostgreSQL: a small program run by the supervisor in a process of its own, never imported by it.

    python -I -S launcher.py <parent pid> <namespace|owner> <home folder> <socket folder> <program> <arguments ...>

PostgreSQL refuses to run as root, and must not outlive the supervisor. Both are settled here, between fork and exec, where there is
one thread and nothing to lose: in a forked copy of a busy interpreter neither `unshare` nor ctypes would be safe.
"""

import ctypes
import os
import pathlib
import signal
import sys

_NOBODY = 65534
_CLONE_NEWUSER = 0x1000_0000
_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Drop root, tie our life to the parent's, become the program."""
    parent, way, folders, command = int(argv[0]), argv[1], [pathlib.Path(argv[2]), pathlib.Path(argv[3])], argv[4:]
    if os.geteuid() == 0:
        _leave_root(folders, try_namespace=way == "namespace" and sys.platform == "linux")
    if sys.platform == "linux":
        # SIGINT is PostgreSQL's fast shutdown: sessions end, a checkpoint is written. Set after the change of user, which clears it.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor has gone")
    os.execv(command[0], command)  # noqa: S606  no shell is wanted


def _leave_root(folders: list[pathlib.Path], *, try_namespace: bool) -> None:
    """Stop being root.

    Best is a user namespace in which root is called nobody: no file changes its owner, and programs below a closed home folder stay
    readable. Where the kernel or a container forbids namespaces, or the folder belongs to somebody else, become the folder's owner.
    """
    owner = folders[0].stat()
    if owner.st_uid == 0 and try_namespace and _in_namespace():
        return
    uid, gid = (owner.st_uid, owner.st_gid) if owner.st_uid else (_NOBODY, _NOBODY)
    for folder in folders:
        if folder.stat().st_uid != uid:
            _give(folder, uid, gid)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _give(folder: pathlib.Path, uid: int, gid: int) -> None:
    """Change the owner of our own two folders, links not followed; never of anything above them."""
    for path in [folder, *folder.rglob("*")]:
        os.lchown(path, uid, gid)


def _in_namespace() -> bool:
    """Enter a new user namespace in which we are nobody; False when that is not allowed here.

    A child tries first, for there is no way back.
    """
    child = os.fork()
    if child == 0:
        try:
            _enter_namespace()
        except OSError:
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        return False
    _enter_namespace()
    return True


def _enter_namespace() -> None:
    gid = os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{_NOBODY} 0 1"), ("gid_map", f"{_NOBODY} {gid} 1")):
        pathlib.Path("/proc/self", name).write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
