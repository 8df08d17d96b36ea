"""Public keys: out of a PEM text, or of a key set (RFC 7517)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

RSA_BITS_MIN = 2048

# Of each algorithm: the type of its keys, the curve where they have one, and what a key is made of.
_TYPES: Mapping[str, tuple[str, str | None, tuple[str, ...]]] = {
    "RS256": ("RSA", None, ("n", "e")),
    "ES256": ("EC", "P-256", ("crv", "x", "y")),
}
_UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, KeyError)


def read_public_key(algorithm: str, pem: str) -> Any:
    """Read a public key.

    Raises:
        ValueError: it is no PEM, of another algorithm, too short, or a private key.
    """
    try:
        return _checked(jwt.get_algorithm_by_name(algorithm).prepare_key(pem), algorithm)
    except _UNREADABLE as e:
        raise ValueError(f"holds no public key for {algorithm}") from e


@dataclass(frozen=True, slots=True)
class KeySet:
    """Keys with their ids; the id None is that of a key without one."""

    keys: tuple[tuple[str | None, Any], ...] = ()

    @classmethod
    def read(cls, document: bytes, algorithm: str) -> KeySet:
        """Read what an issuer publishes; keys of other types, algorithms and uses are passed over.

        Raises:
            ValueError: it is no key set.
        """
        try:
            found = json.loads(document)
        except (ValueError, RecursionError) as e:
            raise ValueError("the key set is no JSON") from e
        keys = found.get("keys") if isinstance(found, dict) else None
        if not isinstance(keys, list):
            raise ValueError("there is no key set in the answer")
        return cls(tuple(made for one in keys if (made := _named_key(one, algorithm)) is not None))

    def find(self, kid: str | None) -> Any | None:
        """Return the key with an id; without an id, the only key that there is."""
        if kid is None:
            return self.keys[0][1] if len(self.keys) == 1 else None
        return next((key for name, key in self.keys if name == kid), None)


def _named_key(entry: Any, algorithm: str) -> tuple[str | None, Any] | None:
    """Return id and key of an entry of a key set, or None: it is not for tokens of this algorithm."""
    if not isinstance(entry, dict) or not _is_for(entry, algorithm):
        return None
    kind, _, parts = _TYPES[algorithm]
    kid = entry.get("kid")
    try:
        # Whatever else stands there, such as the private part, is left.
        public = {"kty": kind, **{part: entry[part] for part in parts}}
        key = _checked(jwt.PyJWK.from_dict(public, algorithm).key, algorithm)
    except _UNREADABLE:
        return None
    return (kid if isinstance(kid, str) else None), key


def _is_for(entry: Mapping[str, Any], algorithm: str) -> bool:
    kind, curve, _ = _TYPES[algorithm]
    uses = entry.get("key_ops", ["verify"])
    return (
        entry.get("kty") == kind
        and entry.get("crv") == curve
        and entry.get("alg", algorithm) == algorithm
        and entry.get("use", "sig") == "sig"
        and isinstance(uses, list)
        and "verify" in uses
    )


def _checked(key: Any, algorithm: str) -> Any:
    """Raises ValueError: it is of another type or curve, a key that could sign, or one that can be broken."""
    kind, _, _ = _TYPES[algorithm]
    if kind == "RSA" and isinstance(key, RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
        return key
    if kind == "EC" and isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    raise ValueError(f"is no public key for {algorithm}")
