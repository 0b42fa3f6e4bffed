"""Training of one network on a device."""
