"""Commands of jobs on a cluster that is run by Slurm; everything else is as on the local platform."""

from datacatalog.adapters.platforms.slurm.client import Slurm
from datacatalog.adapters.platforms.slurm.executor import SlurmExecutor

__all__ = ["Slurm", "SlurmExecutor"]
