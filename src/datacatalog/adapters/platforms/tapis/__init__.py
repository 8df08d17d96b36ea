"""A Tapis v3 tenant as a computing platform."""

from datacatalog.adapters.platforms.tapis.platform import TapisPlatform

__all__ = ["TapisPlatform"]
