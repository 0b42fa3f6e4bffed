"""Reading DICOM image series: files, planes, series, stacks."""
