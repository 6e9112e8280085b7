"""How passwords are hashed while tests run: as in production, but once instead of a million times."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class OneRound(PBKDF2PasswordHasher):
    """The hasher of production, whose slowness is no matter of ours; its hashes are read by a real portal too."""

    iterations = 1
