"""Runs processes in turns and reports what each took: read from standard input, written to standard output, as JSON.

It is a program of its own, and imports little: Linux counts the memory of the process that starts another one as that
one's, until it begins with its own program.
"""

import json
import os
import subprocess
import sys

# wait4 reports kibibytes on Linux and bytes on macOS.
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    task = json.load(sys.stdin)
    usages: list[list[tuple[float, int]]] = [[] for _ in task["processes"]]
    for _ in range(task["rounds"]):
        for process, of_process in zip(task["processes"], usages, strict=True):
            of_process.append(_run(process["arguments"], process["environment"]))
    # The first round compiles, and warms the caches.
    json.dump([of_process[1:] for of_process in usages], sys.stdout)


def _run(arguments: list[str], environment: dict[str, str]) -> tuple[float, int]:
    """Run a process, and return its CPU time in seconds, the system's included, and its largest size in bytes."""
    process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{arguments} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MAXRSS_BYTES


if __name__ == "__main__":
    main()
