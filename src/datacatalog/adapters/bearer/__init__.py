from datacatalog.adapters.bearer.tokens import Bearer, BearerTokens, check_public_key

__all__ = ["Bearer", "BearerTokens", "check_public_key"]
