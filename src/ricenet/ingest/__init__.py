"""From raw images and dose objects to checked volumes in patient coordinates."""
