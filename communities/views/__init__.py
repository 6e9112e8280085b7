"""Pages of accounts, organisations, members and communities, by concept."""
