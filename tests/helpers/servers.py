"""Commands that serve pages, each in a process of its own."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager


class Server:
    """A command that has said where its page is; ``address`` is what it said."""

    def __init__(self, *args: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tkit", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=os.environ | environment,
        )  # fmt: skip
        self.line = self._process.stdout.readline()
        if "http://" not in self.line:
            raise RuntimeError(self._process.communicate()[1])
        self.address = "http://" + self.line.partition("http://")[2].split()[0]
        self.port = int(self.address.rpartition(":")[2].strip("/"))

    def stop(self, how: int = signal.SIGINT) -> tuple[int, str, str]:
        """End it; its exit code, and what else it said on stdout and stderr."""
        self._process.send_signal(how)
        out, err = self._process.communicate(timeout=60)
        return self._process.returncode, out, err

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def serving(*args: str, **environment: str):
    """Serve for the length of a block, with some variables of the environment."""
    server = Server(*args, **environment)
    try:
        yield server
    finally:
        server.kill()
