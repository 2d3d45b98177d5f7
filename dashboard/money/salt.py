"""What secrets are known by in our files: digests with a salt that nobody else can read."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from ..errors import FolderError

_LENGTH = 32
"""Bytes of the salt."""


@dataclass(frozen=True, slots=True)
class Salt:
    """A private file, the same for all processes of a folder; made when it is needed first."""

    path: Path

    def digest(self, secret: str, *, make: bool = True) -> str:
        """16 hexadecimal digits for a secret, from which it cannot be guessed without the file.

        make: False: "" while there is no file. Raises FolderError.
        """
        try:
            salt = self._read() or (self._made() if make else b"")
        except OSError as error:
            raise FolderError(self.path, f"cannot be used: {error.strerror or error}") from error
        return (
            hmac.new(salt, secret.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:16] if salt else ""
        )

    def _read(self) -> bytes:
        """What it holds; nothing while it is missing or cut short."""
        try:
            found = self.path.read_bytes()
        except FileNotFoundError:
            return b""
        return found if len(found) == _LENGTH else b""

    def _made(self) -> bytes:
        """Of several processes that make it at once, the first one's counts."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}-{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(_LENGTH))
                file.flush()
                os.fsync(file.fileno())
            self._keep(fresh)
        finally:
            fresh.unlink(missing_ok=True)
        return self._read()

    def _keep(self, fresh: Path) -> None:
        try:
            self.path.hardlink_to(fresh)
        except FileExistsError:
            if not self._read():
                fresh.replace(self.path)
        except OSError:  # a file system without links
            fresh.replace(self.path)
