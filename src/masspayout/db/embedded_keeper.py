"""The keeper: a process that stops the embedded server once nobody uses it.

A process of its own, so that a user who is killed leaves nothing to clean up: every user holds a shared lock on one
file, the kernel drops the locks of the dead, and this process waits for the exclusive one. The keeper lives as long as
the server and imports the standard library alone, to stay small. ``embedded.py`` starts it as ``python
embedded_keeper.py USERS_LOCK KEEPER_FD PG_CTL CLUSTER SYSTEM_USER``.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path


def main(users_lock: str, keeper_fd: str, pg_ctl: str, cluster: str, system_user: str) -> None:
    """Step into the background, wait until the last user is gone, and stop the server.

    Args:
        users_lock: The file on which every user holds a shared lock.
        keeper_fd: The inherited descriptor whose lock shows that a keeper runs.
        pg_ctl: The program that stops the server.
        cluster: The server's data directory.
        system_user: The user that stops it; empty for the present one.
    """
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    with Path(users_lock).open("rb") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        subprocess.run(  # noqa: S603 - the arguments are ours
            [pg_ctl, "stop", "-D", cluster, "-m", "fast", "-w", "-t", "300"],
            check=False,  # a server that is down already is what we want
            user=system_user or None,
            group=system_user or None,
            extra_groups=[] if system_user else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # The keeper's lock goes first: the next holder of the users' lock must see that there is no keeper.
        os.close(int(keeper_fd))


if __name__ == "__main__":
    main(*sys.argv[1:])
