from datacatalog.adapters.bearer.keys import read_public_key
from datacatalog.adapters.bearer.published import PublishedKeys
from datacatalog.adapters.bearer.tokens import Bearer, BearerTokens

__all__ = ["Bearer", "BearerTokens", "PublishedKeys", "read_public_key"]
