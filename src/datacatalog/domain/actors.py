"""What the actors are called, which take messages."""

PIPELINES_MANAGER = "pipelines-manager"
JOBS_MANAGER = "jobs-manager"
JOBS_INDEXER = "jobs-indexer"
AGAVE_PROXY = "agave-proxy"
