"""The account that runs PostgreSQL: it refuses root, so root's cluster belongs to another account."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mvmdb.errors import CatalogUnreachableError
from mvmdb.settings import server_environment


def server_account(data_dir: Path) -> pwd.struct_passwd | None:
    """Return the account that PostgreSQL's programs must take on; None means the present one.

    For root it is the owner of the data directory; before there is one, ``postgres``, which the
    system's package makes, else ``nobody``.

    Raises
    ------
    CatalogUnreachableError
        The data directory belongs to a number without an account.
    """
    if os.geteuid() != 0:
        return None
    if not data_dir.exists():
        return _named_account("postgres") or pwd.getpwnam("nobody")
    owner = data_dir.stat().st_uid
    try:
        return pwd.getpwuid(owner)
    except KeyError:
        raise CatalogUnreachableError(
            f"{data_dir} belongs to user number {owner}, which has no account here",
            hint=f"chown -R postgres: {data_dir.parent}",
        ) from None


def run_as(
    account: pwd.struct_passwd | None, command: Sequence[str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program as ``account`` (None: the present one); the caller judges its exit status."""
    return subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        cwd="/",  # the account may be unable to enter the present directory
        env=server_environment(),
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )


def can_enter(account: pwd.struct_passwd, directory: Path) -> bool:
    """Tell whether ``account`` can pass through ``directory`` and all above it."""
    return run_as(account, ["/bin/sh", "-c", 'test -x "$0"', str(directory)]).returncode == 0


def _named_account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
