"""seeds: a seed is the digest of its text."""

from ricenet.provenance.seeds import derive_seed


def test_seeds():
    assert derive_seed(1, "a", 2) == derive_seed(1, "a", 2)
    assert derive_seed(1, "a", 2) != derive_seed(1, "a2")
    assert derive_seed(0) == 0x5FECEB66FFC86F38 >> 1  # sha256 of "0"
    assert 0 <= derive_seed("x") < 2**63
