"""Bearer tokens: JSON Web Tokens with one fixed algorithm, issuer and audience."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt

LEVELS = ("READ", "EXECUTE", "UPDATE")


def check_public_key(algorithm: str, pem: str) -> None:
    """Make sure that tokens can be checked with a public key.

    Raises:
        ValueError: it is no PEM, or of another algorithm.
    """
    try:
        jwt.get_algorithm_by_name(algorithm).prepare_key(pem)
    except (jwt.PyJWTError, TypeError, ValueError) as e:
        raise ValueError(f"holds no public key for {algorithm}") from e


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerTokens:
    """Checks bearer tokens, and makes them where the key is a shared secret.

    Attributes:
        key: shared secret (HS256) or public key (PEM); "" refuses every token.
    """

    key: str = field(repr=False)
    algorithm: str
    issuer: str
    audience: str

    def subject(self, token: str) -> tuple[str, str] | None:
        """Return (subject, level) of a token, or None where it is not valid here and now."""
        if not self.key:
            return None
        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=[self.algorithm],
                issuer=self.issuer,
                audience=self.audience,
                options={"require": ["exp", "sub"]},
            )
        except jwt.PyJWTError:
            return None
        level = claims.get("level", "EXECUTE")
        return (str(claims["sub"]), level) if level in LEVELS else None

    def make(self, subject: str, *, level: str, at: datetime, lifetime: timedelta) -> str:
        """Return a signed token.

        Raises:
            ValueError: there is no shared secret here to sign with.
        """
        if not self.key or self.algorithm != "HS256":
            raise ValueError("bearer tokens are issued elsewhere")
        claims = {
            "sub": subject,
            "level": level,
            "iss": self.issuer,
            "aud": self.audience,
            "iat": at,
            "exp": at + lifetime,
        }
        return jwt.encode(claims, self.key, algorithm="HS256")
