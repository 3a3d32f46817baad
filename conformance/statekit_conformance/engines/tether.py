"""Become a server that dies with whoever started it: `python -I -S tether.py PARENT_PID program argument…`.

A test run that is killed runs no clean-up of its own, so the kernel has to do it. This is a program, not a
`preexec_fn`, because that runs Python between fork and exec, which may deadlock if other threads hold locks.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Ask the kernel for SIGKILL at the parent's death, then become the command, keeping the process id."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the kernel was asked
            sys.exit("the process that wanted this server is gone")
    os.execv(command[0], command)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
