"""Reading a raw DICOM export and proposing rows of the subjects table."""
