"""Bearer tokens: JSON Web Tokens (RFC 7519) with one fixed algorithm, issuer and audience."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import jwt

from datacatalog.domain.privileges import LEVELS

LEEWAY_S = 30
"""How far the issuer's clock may be ahead of ours."""

_TOKEN_MAX = 8192
_CLAIM_MAX = 255
# Older PyJWTs let the errors of deep nesting and of numbers beyond all bounds through.
_INVALID = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Whom a token is for.

    Attributes:
        tenant, project: "" where the token names none.
    """

    name: str
    level: str
    tenant: str = ""
    project: str = ""


class Keys(Protocol):
    """Keys that tokens are checked with."""

    def find(self, kid: str | None) -> Any | None:
        """Return the key that a token names, or None: there is no such key.

        Args:
            kid: None: the token names none.
        Raises:
            Unreachable: the keys cannot be told now.
        """
        ...

    def ask(self) -> int:
        """Ask whoever publishes them now; return how many there are that can be used.

        Raises:
            Unreachable, ForbiddenTarget.
            ValueError: what was answered is no key set.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerTokens:
    """Checks bearer tokens, and makes them where the key is a shared secret.

    Attributes:
        key: shared secret (HS256) or public key; "" refuses every token, unless there are `keys`.
        keys: where the key is looked up instead.
        tenant_claim, project_claim, level_claim: the claims that name these.
    """

    key: Any = field(default="", repr=False)
    algorithm: str
    issuer: str
    audience: str
    keys: Keys | None = field(default=None, repr=False)
    tenant_claim: str = "tenant"
    project_claim: str = "project"
    level_claim: str = "level"

    def read(self, token: str) -> Bearer | None:
        """Tell whom a token is for, or None where it is not valid here and now.

        Raises:
            Unreachable: the keys that would tell cannot be had now.
        """
        if len(token) > _TOKEN_MAX:
            return None
        try:
            key = self._key(jwt.get_unverified_header(token))
            return self._bearer(self._claims(token, key)) if key else None
        except _INVALID:
            return None

    def make(
        self,
        subject: str,
        *,
        level: str,
        at: datetime,
        lifetime: timedelta,
        tenant: str = "",
        project: str = "",
    ) -> str:
        """Return a signed token.

        Raises:
            ValueError: there is no shared secret here to sign with.
        """
        if not self.key or self.algorithm != "HS256":
            raise ValueError("bearer tokens are issued elsewhere")
        claims = {
            "sub": subject,
            self.level_claim: level,
            **({self.tenant_claim: tenant} if tenant else {}),
            **({self.project_claim: project} if project else {}),
            "iss": self.issuer,
            "aud": self.audience,
            "iat": at,
            "exp": at + lifetime,
        }
        return jwt.encode(claims, self.key, algorithm="HS256")

    def _key(self, header: Mapping[str, Any]) -> Any | None:
        """Return the key of a token; nothing else that its header says is followed.

        Raises ValueError, Unreachable.
        """
        if header.get("alg") != self.algorithm or "crit" in header:
            raise ValueError("the token wants to be read otherwise")
        if self.keys is None:
            return self.key
        kid = header.get("kid")
        if kid is not None and not isinstance(kid, str):
            raise ValueError("kid is no text")
        return self.keys.find(kid)

    def _claims(self, token: str, key: Any) -> dict[str, Any]:
        """Return the claims of a token that is valid now.  Raises as PyJWT does, ValueError."""
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[self.algorithm],
            issuer=self.issuer,
            audience=self.audience,
            leeway=LEEWAY_S,
            options={"require": ["exp", "sub"]},
        )
        if int(claims["exp"]) <= time.time():  # the leeway is for clocks that are ahead, not for the end
            raise ValueError("expired")
        return claims

    def _bearer(self, claims: Mapping[str, Any]) -> Bearer:
        """Raises ValueError."""
        level = _text(claims, self.level_claim) or "EXECUTE"
        name = _text(claims, "sub")
        if level not in LEVELS or not name:
            raise ValueError("nobody that is known here")
        return Bearer(
            name=name,
            level=level,
            tenant=_text(claims, self.tenant_claim),
            project=_text(claims, self.project_claim),
        )


def _text(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim, "" where there is none.  Raises ValueError: it is no short, printable text."""
    value = claims.get(name, "")
    if not isinstance(value, str) or len(value) > _CLAIM_MAX or not value.isprintable():
        raise ValueError(f"{name} is no text")
    return value
