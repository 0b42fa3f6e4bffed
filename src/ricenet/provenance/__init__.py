"""What a result came from: digests of code and files, versions, records."""
