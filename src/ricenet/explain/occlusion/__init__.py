"""Occlusion maps: cubes to hide, boxes they change, a network's local layers, the map."""
