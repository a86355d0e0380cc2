"""Starts a server of the rehearsal with exactly the variables of its own file, and notes its pid.

Run by path, alone and isolated, so it starts fast and imports nothing of this package:

    python -I -S launch.py --pid FILE --env FILE [--cwd DIR] [--user NAME] -- PROGRAM ARGUMENTS

The environment holds only what the file says (JSON, names to values, mode 0600): the supervisor never sees a
secret, and no server sees another's. The pid file lets a server be found when its supervisor was killed.
"""

import json
import os
import subprocess
import sys


def birth(pid: int) -> str:
    """When process `pid` was born, as text that no other process of that number shares; empty if there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
            ticks = stream.read().rpartition(")")[2].split()[19]
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return f"{stream.read().strip()}:{ticks}"
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return ""
    found = subprocess.run(["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return found.stdout.strip()


def main(words: list[str]) -> None:
    """Read the options, write the pid file, become the program."""
    split = words.index("--")
    options = dict(zip(words[0:split:2], words[1:split:2], strict=True))
    command = words[split + 1 :]
    with open(options["--env"], encoding="utf-8") as stream:
        values: dict[str, str] = json.load(stream)
    with open(options["--pid"] + ".new", "w", encoding="ascii") as stream:
        stream.write(f"{os.getpid()} {birth(os.getpid())}\n")
    os.replace(options["--pid"] + ".new", options["--pid"])
    if "--cwd" in options:
        os.chdir(options["--cwd"])
    if "--user" in options:
        import pwd

        account = pwd.getpwnam(options["--user"])
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    try:
        os.execve(command[0], command, values)  # noqa: S606 - what this program is for
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
