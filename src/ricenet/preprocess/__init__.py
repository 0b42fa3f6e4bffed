"""From native volumes to one cached array a subject."""
