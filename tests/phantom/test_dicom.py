"""dicom: UIDs and decimal strings of the phantom's objects."""

import numpy as np

from ricenet.phantom import dicom


def test_uids_depend_on_everything_that_decides_the_content():
    origins = [("P001", 1, 2.0, 1.0), ("P002", 1, 2.0, 1.0), ("P001", 2, 2.0, 1.0)]
    origins += [("P001", 1, 1.0, 1.0), ("P001", 1, 2.0, 1.5)]
    uids = [dicom.Origin(*origin).uid("study", "ct") for origin in origins]
    assert len(set(uids)) == len(origins)
    assert all(len(uid) <= 64 for uid in uids)


def test_decimal_strings_fit_their_type():
    assert dicom.numbers([-0.0]) == ["0.0"]
    text = dicom.numbers(np.array([-1.23456789012345e-5, 123.456789012345678, -1 / 3]))
    assert all(len(number) <= 16 for number in text)
    np.testing.assert_allclose(np.array(text, float)[1:], [123.456789012345678, -1 / 3], rtol=1e-9)
