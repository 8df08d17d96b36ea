"""Bearer tokens of an issuer elsewhere, at the gateway."""

from __future__ import annotations

import json
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tests.acceptance.site import closed, opened
from tests.harness import free_port, install
from tests.integration.wire import serving


def test_tokens_of_an_issuer_open_the_gateway_and_its_absence_is_nobodys_fault(tmp_path: Path) -> None:
    key, port = ec.generate_private_key(ec.SECP256R1()), free_port()
    entry = jwt.get_algorithm_by_name("ES256").to_jwk(key.public_key(), as_dict=True)
    url = f"http://127.0.0.1:{port}/keys"
    bearer = {"algorithm": "ES256", "issuer": "them", "audience": "us", "jwks_url": url}
    site = opened(install(tmp_path / "site", bearer=bearer))
    claims = {"sub": "ada", "level": "READ", "iss": "them", "aud": "us", "exp": time.time() + 60}

    def ask(token: str) -> tuple[int, str | None]:
        answer = site.client.get("/actors/v2/jobs-manager", headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.json().get("result", {}).get("code")

    try:
        good = jwt.encode(claims, key, algorithm="ES256")
        assert [ask(good) for _ in range(20)] == [(503, "unreachable")] * 20
        assert ask(jwt.encode(claims, "s" * 40, algorithm="HS256")) == (401, "bad-credentials")
    finally:
        closed(site)
    with serving(lambda asked: asked.say("200 OK", body=json.dumps({"keys": [entry]}).encode()), port=port):
        site = opened(install(tmp_path / "site", bearer=bearer))
        try:
            assert ask(good)[0] == 200
            assert ask(good[:-4] + "AAAA") == (401, "bad-credentials")
        finally:
            closed(site)
