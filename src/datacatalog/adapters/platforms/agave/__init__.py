"""An Agave v2 tenant as a computing platform."""

from datacatalog.adapters.platforms.agave.platform import AgavePlatform

__all__ = ["AgavePlatform"]
