"""Grants that cannot be are refused, and name what is wrong; nothing is given then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from datacatalog.domain.errors import InvalidField, UnknownRecord
from datacatalog.services.granting import give_grant, list_grants, revoke_grant
from tests.unit.memory import memory


@pytest.mark.parametrize(
    ("tenant", "to", "conditions", "field"),
    [
        ("", "guests", {}, "tenant"),
        ("hosts", "", {}, "to"),
        ("hosts", "/ada", {}, "to"),
        ("hosts", "guests/", {}, "to"),
        ("hosts", "hosts", {}, "to"),
        ("hosts", "hosts/ada", {}, "to"),
        ("hosts", "guests", {"level": "EXECUTE"}, "level"),
        ("hosts", "guests", {"lifetime": timedelta(0)}, "lifetime"),
    ],
)
def test_grant_that_cannot_be_is_refused(
    tenant: str, to: str, conditions: dict[str, Any], field: str
) -> None:
    env = memory().env
    with pytest.raises(InvalidField) as refused:
        give_grant(tenant, to, env, **conditions)
    assert refused.value.field == field
    assert list(list_grants(env)) == []


def test_grant_that_is_not_there_cannot_be_revoked() -> None:
    env = memory().env
    grant = give_grant("hosts", "guests/ada", env)
    with pytest.raises(UnknownRecord):
        revoke_grant("grant-0", env)
    assert list(list_grants(env)) == [grant]
    revoke_grant(grant.id, env)
    assert list(list_grants(env)) == []
