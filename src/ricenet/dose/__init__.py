"""From DICOM-RT objects to Gy: grids, objects, decisions, the ledger."""
