"""Registered commands of this machine as a computing platform."""

from datacatalog.adapters.platforms.local.platform import LocalPlatform

__all__ = ["LocalPlatform"]
