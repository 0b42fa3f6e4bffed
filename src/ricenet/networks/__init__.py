"""The networks: architecture, file, ensemble, memory, numerical errors."""
