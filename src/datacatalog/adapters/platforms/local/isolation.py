"""Commands that see their own folder, the system's programs and nothing else: by bubblewrap, where that works.

Inside: /usr, /lib*, /bin and what programs need of /etc, the interpreter and the app's folder, all read-only; the folder of the
attempt, at its own path; /tmp, /proc and /dev of its own; no other processes. The network is there, unless the app does without.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from datacatalog.adapters.platforms.local.commands import Command
from datacatalog.domain.errors import NotSupported

NONE, AUTO, BUBBLEWRAP = "none", "auto", "bubblewrap"

_PROBE_S = 10
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "gai.conf", "group", "host.conf", "hostname", "hosts",
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "mime.types", "nsswitch.conf", "passwd",
    "pki/ca-trust/extracted", "pki/tls/certs", "profile", "protocols", "python3", "resolv.conf", "services", "ssl/certs",
    "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip
"""What programs read of /etc to find libraries, names and certificates; none of it is secret."""

_LOG = logging.getLogger(__name__)


class Isolation:
    """How commands are kept to themselves.

    Args:
        mode: "none", "bubblewrap", or "auto": bubblewrap where it works.
        hidden: folders whose content no command may see but its own attempt and its app: home of the installation, work root.
        program: bubblewrap.
    """

    def __init__(self, mode: str = NONE, hidden: Iterable[Path] = (), *, program: str = "bwrap") -> None:
        self.mode = mode
        self._program = shutil.which(program) or program
        self.hidden = tuple(Path(path).resolve() for path in hidden)
        self._lock = threading.Lock()
        self._complaint: str | None = None

    def wrapped(self, command: Command) -> list[str]:
        """Return the arguments that run a command by itself; they are its own where nothing isolates it.

        Raises:
            NotSupported: it has to be isolated, and that does not work here.
        """
        if self._works(needed=not command.network):
            return [*self._prefix(command), "--", *command.arguments]
        return list(command.arguments)

    def told(self) -> str:
        """Tell whether commands are isolated.  Raises NotSupported as `wrapped` does."""
        if self._works(needed=False):
            return "isolated by bubblewrap"
        return f"not isolated: {self._complaint}" if self._complaint else "not isolated"

    def _works(self, *, needed: bool) -> bool:
        if self.mode == NONE and not needed:
            return False
        complaint = self._tried()
        if not complaint:
            return True
        if self.mode == BUBBLEWRAP:
            raise NotSupported(f"commands are to be isolated, and bubblewrap does not work here: {complaint}")
        if needed:
            raise NotSupported(
                f"the app is to have no network, and bubblewrap does not work here: {complaint}"
            )
        return False

    def _tried(self) -> str:
        """Return why bubblewrap does not work, found out once; "" if it does."""
        with self._lock:
            if self._complaint is None:
                self._complaint = _complaint(self._program)
                if self._complaint and self.mode == AUTO:
                    _LOG.warning(
                        "commands are not isolated: bubblewrap does not work here: %s", self._complaint
                    )
            return self._complaint

    def _prefix(self, command: Command) -> list[str]:
        apps = [command.app] if command.app else []
        for one in self.hidden:
            if any(one.is_relative_to(folder) for folder in apps):
                raise NotSupported(
                    f"the app cannot be isolated: its folder holds {one}, which no job may see"
                )
        python = _interpreter()
        covered = [one for one in self.hidden if _is_below(one, [*map(Path, _SYSTEM), *python])]
        return [
            *_base(self._program, network=command.network),
            *_each("--ro-bind", python),
            *(word for one in covered for word in ("--tmpfs", str(one))),
            *_each("--ro-bind", [*(one for one in python if _is_below(one, covered)), *apps]),
            *_each("--bind", [command.attempt]),
            "--chdir", str(command.folder),
        ]  # fmt: skip


def _base(program: str, *, network: bool) -> list[str]:
    return [
        program, "--die-with-parent", "--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL",
        *([] if network else ["--unshare-net"]),
        *_fresh(), "--proc", "/proc", "--dev", "/dev",
        *_system(),
    ]  # fmt: skip


def _fresh() -> Iterator[str]:
    for folder in ("/tmp", "/var/tmp"):  # noqa: S108  (they are made inside, empty)
        yield from ("--tmpfs", folder)


def _system() -> Iterator[str]:
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    for name in _ETC:
        path = Path("/etc", name)
        if path.exists():
            yield from ("--ro-bind", str(path.resolve()), str(path))


def _interpreter() -> list[Path]:
    """Return the folders that Python needs, but those that are the system's."""
    found = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent}
    return sorted(path for path in found if not _is_below(path, map(Path, _SYSTEM)))


def _is_below(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _each(option: str, paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        yield from (option, str(path), str(path))


def _complaint(program: str) -> str:
    """Try bubblewrap; return what is wrong with it, or ""."""
    with tempfile.TemporaryDirectory() as folder:
        trial = [
            *_base(program, network=False),
            "--bind",
            folder,
            folder,
            "--chdir",
            folder,
            "--",
            "/bin/true",
        ]
        try:
            done = subprocess.run(  # noqa: S603 (fixed arguments, and no shell)
                trial,
                capture_output=True,
                text=True,
                timeout=_PROBE_S,
                env={},
                check=False,
            )
        except FileNotFoundError:
            return "it is not installed"
        except (OSError, subprocess.SubprocessError) as e:
            return str(e)
    return (
        "" if done.returncode == 0 else (done.stderr.strip() or f"it ended with exit code {done.returncode}")
    )
