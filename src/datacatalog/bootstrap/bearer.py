"""Which bearer tokens are believed."""

from __future__ import annotations

from datacatalog.adapters.bearer import BearerTokens, check_public_key
from datacatalog.domain.errors import Misconfigured
from datacatalog.services.env import Principal
from datacatalog.settings import Settings


def build_bearer(settings: Settings) -> BearerTokens:
    """Raises Misconfigured."""
    config = settings.config["bearer"]
    key = settings.secrets.bearer_key
    if config["algorithm"] != "HS256":
        if not config["public_key_file"]:
            raise Misconfigured(f"bearer.public_key_file: {config['algorithm']} needs one")
        try:
            key = settings.path(config["public_key_file"]).read_text("ascii")
            check_public_key(config["algorithm"], key)
        except (OSError, ValueError) as e:
            raise Misconfigured(f"bearer.public_key_file: {e}") from e
    return BearerTokens(
        key=key,
        algorithm=config["algorithm"],
        issuer=config["issuer"],
        audience=config["audience"],
        tenant_claim=config["tenant_claim"],
        project_claim=config["project_claim"],
        level_claim=config["level_claim"],
    )


def principal(bearer: BearerTokens, token: str) -> Principal | None:
    """Tell whom a request with a token runs as; None: the token is not valid.  Raises Unreachable."""
    found = bearer.read(token)
    if found is None:
        return None
    return Principal(
        name=found.name, via="bearer", level=found.level, tenant=found.tenant, project=found.project
    )
