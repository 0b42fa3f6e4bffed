"""Explanations: which places and doses the networks' predictions depend on."""
