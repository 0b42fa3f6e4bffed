"""What the networks say about subjects."""
