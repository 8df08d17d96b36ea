"""The ledger in MongoDB: one log of commits, applied to collections with the published names and fields."""
