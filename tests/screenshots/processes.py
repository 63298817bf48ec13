"""Programs that run for a while: started on free ports of this machine, waited for, and ended."""

import http.client
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"

# What is asked is on this machine, whatever proxy the environment names.
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))

# Long enough for a slow machine; whoever needs it has failed.
DEADLINE = 60.0


class Failed(Exception):
    """One sentence that says what went wrong."""


def tool(name):
    path = TOOLS / "bin" / name
    if not path.exists():
        raise Failed(f"{name} is not installed: run `make tools`")
    return str(path)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, condition):
    """Asks until the answer is true, and fails after DEADLINE."""
    end = time.monotonic() + DEADLINE
    while not (answer := condition()):
        if time.monotonic() > end:
            raise Failed(f"waited {DEADLINE:.0f} s in vain for {what}")
        time.sleep(0.02)
    return answer


def answers(url):
    """Whether a GET of `url` is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return False


class Program:
    """A running program; what it writes goes into a log file that is quoted when it does not start."""

    def __init__(self, name, command, log, environment=None):
        self.name, self.log = name, Path(log)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
            )

    def ready(self, url):
        """Waits until it answers."""

        def listens():
            if self.process.poll() is not None:
                last = self.log.read_text(errors="replace").strip().splitlines()[-1:]
                raise Failed(f"{self.name} ended with status {self.process.returncode}: {''.join(last)[:500]}")
            return answers(url)

        try:
            until(f"{self.name} to listen", listens)
        except BaseException:
            # Whoever starts it gets nothing that could be ended.
            self.end()
            raise
        return self

    def end(self):
        """Asks it to end, and waits until it has."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
