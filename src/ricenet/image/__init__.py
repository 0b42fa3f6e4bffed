"""Images: grids, interpolation, transforms, intensities. Arrays in, arrays out."""
