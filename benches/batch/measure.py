#!/usr/bin/env python3
"""Runs a command on some cores, and prints what it took, as JSON: measure.py CORE[,CORE...] COMMAND...

A process of its own, and a small one: what a process has in memory before it becomes another counts as that one's peak.
"""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(pid):
    """Bytes of a process and its descendants that are in memory."""
    try:
        own = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return own + sum(map(resident, children))


def measure(cores, command):
    """Wall and CPU seconds of a command, and the most bytes that it, or it and its descendants together, had in memory."""
    os.sched_setaffinity(0, cores)
    threads = {name: str(len(cores)) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | threads)
    peaks, ended = [0], threading.Event()

    def look():
        while not ended.wait(0.2):
            peaks.append(max(peaks.pop(), resident(process.pid)))

    watch = threading.Thread(target=look)
    watch.start()
    with process.stdout as out:
        said = out.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    watch.join()
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with status {process.returncode}")
    return {"seconds": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": max(*peaks, usage.ru_maxrss * 1024), "said": said}


if __name__ == "__main__":
    print(json.dumps(measure({int(core) for core in sys.argv[1].split(",")}, sys.argv[2:])))
