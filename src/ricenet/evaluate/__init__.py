"""Performance of the networks: metrics, calibration, probes, description of the cohort."""
