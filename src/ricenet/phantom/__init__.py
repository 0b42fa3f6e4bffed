"""Synthetic patients as DICOM with known truth, for demonstrations and tests.

Each subject is a whole head (from the ICBM152 2009a maps that nilearn carries) with a resection
cavity, an enhancing lesion, two MRI visits, a planning CT, an RT plan and an RT dose.
`ricenet phantom --help` lists the settings.

Arrays are indexed (X, Y, Z). The canvas, on which a head is made, is in RAS millimetres; patient
coordinates are LPS in the modules that write DICOM and RAS in NIfTI files and in truth.json.
"""
